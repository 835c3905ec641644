import { expect, test } from "bun:test";
import { ASKED, HOMES, type Oracle, type System } from "../../../scripts/packaging/clients/oracle.ts";
import type { ClientId, Machine } from "../../../src/cli/setup/client.ts";
import { CLIENTS } from "../../../src/cli/setup/clients.ts";
import oracle from "../../fixtures/add-mcp.json" with { type: "json" };

/** The names of add-mcp, where they differ from ours. */
const NAMES: Partial<Record<ClientId, string>> = {
  gemini: "gemini-cli",
  copilot: "github-copilot-cli",
  kiro: "kiro-cli",
};

/** Where `setup` writes something else on purpose. */
const FILES: Partial<Record<ClientId, Partial<Record<System, string>>>> = {
  // https://github.com/zed-industries/zed/blob/main/crates/paths/src/paths.rs: only Zed's data is in Application Support.
  zed: { darwin: "/Users/ada/.config/zed/settings.json" },
  // It reads both, https://opencode.ai/docs/config names this one; an existing opencode.jsonc is used.
  opencode: {
    linux: "/home/ada/.config/opencode/opencode.json",
    darwin: "/Users/ada/.config/opencode/opencode.json",
    win32: "C:\\Users\\ada\\.config\\opencode\\opencode.json",
  },
};
const MEMBERS: Partial<Record<ClientId, Readonly<Record<string, unknown>>>> = {
  // What `claude mcp add` writes itself.
  "claude-code": { type: "stdio" },
  // https://code.visualstudio.com/docs/copilot/customization/mcp-servers#_configuration-format: the type of a server that is started.
  vscode: { type: "stdio" },
  // https://docs.github.com/en/copilot/how-tos/copilot-cli: `local` and `stdio` mean the same; its `/mcp add` writes `local`.
  copilot: { type: "local" },
};

const answers = oracle as Oracle;
const known = CLIENTS.map((client) => ({ client, answer: answers[NAMES[client.id] ?? client.id] }));

function machine(system: System): Machine {
  return { platform: system, home: HOMES[system], env: {}, exists: () => false, which: () => null };
}

test("add-mcp knows every client of setup", () => {
  expect(known.filter(({ answer }) => answer === undefined)).toEqual([]);
});

test.each(Object.keys(HOMES) as System[])("the files of clients on %s are those of add-mcp", (system) => {
  const ours = known.map(({ client }) => [client.id, client.file(machine(system))]);
  expect(ours).toEqual(
    known.map(({ client, answer }) => [client.id, FILES[client.id]?.[system] ?? answer?.files[system] ?? ""]),
  );
});

test.each(known.map(({ client, answer }) => [client.id, client, answer] as const))(
  "%s keeps servers at the place, in the format and in the shape of add-mcp",
  (id, client, answer) => {
    expect([client.servers, client.format]).toEqual([answer?.servers ?? [], answer?.format as never]);
    expect(client.entry(ASKED, "prefect", [])).toEqual({ ...answer?.entry, ...MEMBERS[id] } as never);
  },
);
