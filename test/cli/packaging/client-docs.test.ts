import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { clientPage, withClientTable } from "../../../scripts/packaging/client-docs.ts";

const read = (...parts: string[]) => readFileSync(join(import.meta.dir, "..", "..", "..", ...parts), "utf8");

describe("the documents about clients", () => {
  test("are made from the clients of setup: run `bun scripts/packaging/client-docs.ts`", () => {
    expect(read("README.md")).toBe(withClientTable(read("README.md")));
    expect(read("docs", "clients.md")).toBe(clientPage());
  });

  test("have links that install the published command", () => {
    const entry = { command: "bunx", args: ["prefect-mcp-bun"] };
    for (const text of [read("README.md"), read("docs", "clients.md")]) {
      const cursor = new URL(/(cursor:\/\/|https:\/\/cursor\.com\/)[^)\s`]+/.exec(text)?.[0] ?? "");
      expect(cursor.searchParams.get("name")).toBe("prefect");
      expect(JSON.parse(atob(cursor.searchParams.get("config") ?? ""))).toEqual(entry);
    }
    const web = new URL(/https:\/\/vscode\.dev\/[^)\s]+/.exec(read("README.md"))?.[0] ?? "");
    expect([web.searchParams.get("name"), JSON.parse(web.searchParams.get("config") ?? "")]).toEqual([
      "prefect",
      entry,
    ]);
    const [, own = ""] = /vscode:mcp\/install\?([^\s`]+)/.exec(read("docs", "clients.md")) ?? [];
    expect(JSON.parse(decodeURIComponent(own))).toEqual({ name: "prefect", ...entry });
  });
});
