import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { backupsOf, deleteConfigFile, readConfigFile, writeConfigFile } from "../../../src/cli/setup/config-file.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "config-file-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const modeOf = (path: string) => statSync(path).mode & 0o777;

describe("a client's file", () => {
  test("that is new is readable for its user only, and its folders are made", () => {
    const path = join(root, "a", "b", "mcp.json");
    expect(writeConfigFile(readConfigFile(path), "{}\n")).toBeNull();
    expect(readFileSync(path, "utf8")).toBe("{}\n");
    expect(modeOf(path)).toBe(0o600);
    expect(readdirSync(join(root, "a", "b"))).toEqual(["mcp.json"]);
  });

  test("keeps its mode, and its former text lies beside it with the same mode", () => {
    const path = join(root, "mcp.json");
    writeFileSync(path, "old");
    chmodSync(path, 0o640);
    const backup = writeConfigFile(readConfigFile(path), "new");
    expect(backup).toBe(`${path}.before-prefect-mcp-bun`);
    expect([readFileSync(path, "utf8"), readFileSync(backup ?? "", "utf8")]).toEqual(["new", "old"]);
    expect([modeOf(path), modeOf(backup ?? "")]).toEqual([0o640, 0o640]);
  });

  test("that is a link stays a link, and the file that it leads to is replaced", () => {
    mkdirSync(join(root, "dotfiles"));
    const target = join(root, "dotfiles", "mcp.json");
    writeFileSync(target, "old");
    const path = join(root, "mcp.json");
    symlinkSync(join("dotfiles", "mcp.json"), path);
    expect(writeConfigFile(readConfigFile(path), "new")).toBe(`${target}.before-prefect-mcp-bun`);
    expect(lstatSync(path).isSymbolicLink()).toBe(true);
    expect(readFileSync(target, "utf8")).toBe("new");
  });

  test.each([
    [
      "a link to nothing",
      (path: string) => symlinkSync(join(root, "none"), path),
      "its symbolic link leads to nothing",
    ],
    ["a folder", (path: string) => mkdirSync(path), "it is not a file"],
    [
      "below a file",
      (path: string) => {
        rmSync(root, { recursive: true });
        writeFileSync(root, "");
        return path;
      },
      "a part of its path is a file, not a folder",
    ],
    ["bytes that are no text", (path: string) => writeFileSync(path, Buffer.from([0x7b, 0xff, 0x7d])), "not UTF-8"],
  ])("that is %s is refused", (_, make, reason) => {
    const path = join(root, "mcp.json");
    make(path);
    expect(() => readConfigFile(path)).toThrow(reason);
  });

  test("that is read-only is left as it is, and so is the folder", () => {
    const path = join(root, "mcp.json");
    writeFileSync(path, "old");
    chmodSync(path, 0o444);
    const read = readConfigFile(path);
    expect(() => writeConfigFile(read, "new")).toThrow("it is read-only");
    expect(() => deleteConfigFile(read)).toThrow("it is read-only");
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(root)).toEqual(["mcp.json"]);
  });

  test("has a numbered copy of each text that it had, and none is overwritten", () => {
    const path = join(root, "mcp.json");
    const first = `${path}.before-prefect-mcp-bun`;
    writeFileSync(path, "one");
    expect(writeConfigFile(readConfigFile(path), "two")).toBe(first);
    expect(writeConfigFile(readConfigFile(path), "three")).toBe(`${first}.2`);
    writeFileSync(path, "one");
    expect(writeConfigFile(readConfigFile(path), "four")).toBe(first);
    expect(backupsOf(readConfigFile(path))).toEqual([
      { path: first, text: "one" },
      { path: `${first}.2`, text: "two" },
    ]);
  });

  test("that another run is writing is left to it", () => {
    const path = join(root, "mcp.json");
    writeFileSync(path, "old");
    const read = readConfigFile(path);
    mkdirSync(`${path}.prefect-mcp-bun.lock`);
    expect(() => writeConfigFile(read, "new")).toThrow("another run of setup is writing it");
    rmSync(`${path}.prefect-mcp-bun.lock`, { recursive: true });
    // The other run has written the same.
    writeFileSync(path, "new");
    expect(writeConfigFile(read, "new")).toBeNull();
    expect(readdirSync(root)).toEqual(["mcp.json"]);
  });

  test("that the client has changed meanwhile is left as it is, and no draft is left", () => {
    const path = join(root, "mcp.json");
    writeFileSync(path, "old");
    const read = readConfigFile(path);
    writeFileSync(path, "written by the client");
    expect(() => writeConfigFile(read, "new")).toThrow("another program has changed it meanwhile");
    expect(readFileSync(path, "utf8")).toBe("written by the client");
    expect(readdirSync(root)).toEqual(["mcp.json"]);
  });
});
