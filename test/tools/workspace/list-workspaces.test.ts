import { describe, expect, test } from "bun:test";
import { own } from "../../../src/lib/shown-text.ts";
import { SECOND_US } from "../../../src/lib/time.ts";
import type { ListedWorkspace } from "../../../src/model/workspaces.ts";
import { runTool } from "../../../src/tools/definition/run-tool.ts";
import { listWorkspacesTool } from "../../../src/tools/workspace/list-workspaces.ts";
import { anEvent } from "../../support/builders.ts";
import { openToolHarness } from "../../support/tool-harness.ts";

const one = (given: Partial<ListedWorkspace>): ListedWorkspace => ({
  name: "staging",
  kind: "profile",
  api_url: "http://127.0.0.1:4200/api",
  is_active: false,
  recorded: null,
  following: "none",
  ...given,
});

describe("list_workspaces", () => {
  test("lists the one workspace of a process without others, from its record and without a request", async () => {
    await using harness = await openToolHarness();
    harness.events([anEvent(), anEvent()]);
    harness.cover("event", { fromUs: harness.nowUs - 60 * SECOND_US, toUs: harness.nowUs });
    harness.following();
    const { structured, text } = await harness.call(listWorkspacesTool);
    expect(structured).toMatchObject({
      workspaces: [
        {
          name: harness.fake.url,
          kind: "settings",
          api_url: harness.fake.url,
          is_active: true,
          recorded: { events: 2, gaps: 0 },
          following: "other",
        },
      ],
      source: "record",
      coverage: { complete: true, gaps: [] },
    });
    expect(text).toContain("(active): settings");
    expect(text).toContain("2 events, followed by another process");
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("says what it could not find out, and how many workspaces do not fit", async () => {
    await using harness = await openToolHarness();
    const many = Array.from({ length: 40 }, (_, n) => one({ name: `acme/w${n}`, kind: "cloud", handle: `acme/w${n}` }));
    const workspaces = { list: async () => ({ workspaces: many, notes: [own("The key of prod was refused.")] }) };
    const ctx = { query: harness.query, signal: new AbortController().signal, progress: () => undefined };
    const { structured, text } = await runTool(listWorkspacesTool, { ...ctx, isCloud: true, workspaces }, {});
    expect(structured).toMatchObject({
      more: 10,
      source: "mixed",
      coverage: {
        complete: false,
        notes: ["The key of prod was refused.", "Not listed: 10 further workspaces; name them as account/workspace."],
      },
    });
    expect((structured.workspaces as unknown[]).length).toBe(30);
    expect(text).toContain("The key of prod was refused.\n");
    expect(text).toContain("Not listed: 10 further workspaces");
  });

  test("names the valid arguments when it is given another one", async () => {
    await using harness = await openToolHarness();
    const { isError, structured } = await harness.call(listWorkspacesTool, { account: "acme" });
    expect([isError, structured.code]).toEqual([true, "invalid_input"]);
  });
});
