import { describe, expect, test } from "bun:test";
import { flagsIn, keptWords, mergedWords } from "../../../src/cli/setup/kept-words.ts";

describe("the words that a person has added to a command", () => {
  test.each([
    ["/b/bun /src/prefect-mcp-bun/src/main.ts --tools all", [], ["--tools", "all"]],
    ["/b/bun run --smol /p.js serve --profile x", ["--smol"], ["serve", "--profile", "x"]],
    ["bunx prefect-mcp-bun@0.1.0 --tools=all", [], ["--tools=all"]],
    ["npx -y prefect-mcp-bun --profile x", [], ["--profile", "x"]],
    ["/b/bun x prefect-mcp-bun --data-dir /x/prefect-mcp-bun", [], ["--data-dir", "/x/prefect-mcp-bun"]],
    ["cmd /c bunx prefect-mcp-bun --profile x", [], ["--profile", "x"]],
    ["/usr/bin/prefect-mcp-bun --profile x", [], ["--profile", "x"]],
    ["C:\\p\\prefect-mcp-bun.exe --profile x", [], ["--profile", "x"]],
    ["/opt/prefect-mcp-bun-linux-x64 --profile x", [], ["--profile", "x"]],
    ["/opt/wrapper.sh --profile x", [], []],
  ])("are those that do not start the program: %s", (line, ofBun, ofProgram) => {
    const [command = "", ...args] = line.split(" ");
    expect(keptWords({ command, args })).toEqual({ ofBun, ofProgram });
  });

  const present = ["serve", "--api-url=https://private.example/api", "--tools", "all", "--verbose"];
  const nothing = new Set<string>();

  test("stay in their order and way of writing, and values are not shown", () => {
    const flags = { ...flagsIn(present), profile: "x" };
    expect(mergedWords(present, { flags, replaced: nothing, dropped: nothing })).toEqual({
      words: [...present, "--profile", "x"],
      shown: ["serve", "--api-url=…", "--tools", "…", "--verbose", "--profile", "x"],
      kept: ["serve", "--api-url", "--tools", "--verbose"],
    });
  });

  test("are replaced by flags of the command line, once, and dropped where these name another Prefect", () => {
    const twice = [...present, "--tools", "core"];
    const merge = { flags: { tools: "none" }, replaced: new Set(["tools"]), dropped: new Set(["api-url"]) };
    expect(mergedWords(twice, merge).words).toEqual(["serve", "--tools", "none", "--verbose"]);
  });
});
