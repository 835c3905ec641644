import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tenantFolder, trimTenantFolders } from "../../../src/store/file/tenant-folders.ts";

function makeDataDir() {
  const dir = mkdtempSync(join(tmpdir(), "prefect-mcp-folders-"));
  return { dir, [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }) };
}

describe("folders of tenants", () => {
  test("are one for each target and credential, the same in every process, and different in each data folder", () => {
    using data = makeDataDir();
    using other = makeDataDir();
    const parts = ["https://p.example.com/api", "key", "pnu_a"];
    const folder = tenantFolder(data.dir, parts);
    expect(tenantFolder(data.dir, parts)).toBe(folder);
    expect(folder).toMatch(/\/tenants\/[0-9a-f]{32}$/);
    const others = [
      tenantFolder(data.dir, ["https://p.example.com/api", "key", "pnu_b"]),
      tenantFolder(data.dir, ["https://q.example.com/api", "key", "pnu_a"]),
      tenantFolder(data.dir, ["https://p.example.com/apikey", "", "pnu_a"]),
    ];
    expect(new Set([folder, ...others]).size).toBe(4);
    expect(tenantFolder(other.dir, parts).split("/").at(-1)).not.toBe(folder.split("/").at(-1));
    expect(statSync(join(data.dir, "tenants/salt")).mode & 0o777).toBe(0o600);
  });

  test("are removed when together they take too much space: least recently written first, never one in use", () => {
    using data = makeDataDir();
    const folders = ["a", "b", "c"].map((name, index) => {
      const folder = tenantFolder(data.dir, [name]);
      mkdirSync(folder);
      writeFileSync(join(folder, "record.sqlite"), "x".repeat(1_000));
      utimesSync(join(folder, "record.sqlite"), 1_000 + index, 1_000 + index);
      return folder;
    });
    const [first = "", second = "", third = ""] = folders;
    expect(trimTenantFolders(data.dir, 0, new Set())).toEqual([]);
    expect(trimTenantFolders(data.dir, 3_000, new Set())).toEqual([]);
    expect(trimTenantFolders(data.dir, 2_000, new Set([first]))).toEqual([second]);
    expect([first, second, third].map((folder) => existsSync(folder))).toEqual([true, false, true]);
  });
});
