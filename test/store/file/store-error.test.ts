import { describe, expect, test } from "bun:test";
import { mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AppError } from "../../../src/errors.ts";
import { openRecord } from "../../../src/store/database.ts";
import { tryBecomeLeader } from "../../../src/store/file/leader-lock.ts";
import { bytesAside, fileIdentity, recordBytes } from "../../../src/store/file/record-file.ts";
import { toStoreError } from "../../../src/store/file/store-error.ts";
import { errorOf } from "../../support/failure-of.ts";

const withCode = (code: string) => Object.assign(new Error(`${code}: something, open '/x'`), { code });

/** Folders in which no record can be. */
function impossibleFolders(): [string, string][] {
  const root = mkdtempSync(join(tmpdir(), "store-error-"));
  symlinkSync(join(root, "circle"), join(root, "circle"));
  writeFileSync(join(root, "file"), "");
  return [
    ["a name of 300 characters", join(root, "a".repeat(300))],
    ["a path of 5,000 characters", join(root, "abcdefg/".repeat(600))],
    ["a path that only SQLite does not open", join(root, "abcdefghi/".repeat(60))],
    ["a circle of links", join(root, "circle", "x")],
    ["a file", join(root, "file", "x")],
  ];
}

describe("a path that cannot be used", () => {
  test.each(impossibleFolders())("is a sentence for writing, locking and reading: %s", (_, folder) => {
    const file = join(folder, "record.sqlite");
    for (const work of [() => openRecord(file, "write"), () => tryBecomeLeader(file)]) {
      const error = errorOf(work);
      expect(error.code).toBe("unavailable");
      expect(error.message).toMatch(/ (cannot be opened|cannot be used)(: .+)?\.$/);
      expect(error.message.length).toBeLessThan(1_000);
      expect(error.hint).toContain("PREFECT_MCP_DATA_DIR");
    }
    expect(["unavailable", "not_found"]).toContain(errorOf(() => openRecord(file, "read")).code);
  });

  test.each(impossibleFolders())("has no file of any size: %s", (_, folder) => {
    const file = join(folder, "record.sqlite");
    expect([recordBytes(file), bytesAside(file), fileIdentity(file)]).toEqual([0, 0, null]);
  });
});

describe("an error of the operating system", () => {
  test.each([
    ["ENAMETOOLONG", "/x cannot be opened: its name or path is too long."],
    ["EMFILE", "/x cannot be opened: too many files are open."],
    ["ENFILE", "/x cannot be opened: too many files are open."],
    ["EROFS", "/x cannot be written."],
    ["ENOSPC", "The disk that holds /x is full."],
    ["EDQUOT", "The disk that holds /x is full."],
    ["ENOTDIR", "/x cannot be opened."],
    ["ELOOP", "/x cannot be used: its symbolic links form a circle."],
    ["EFBIG", "/x cannot be used: it would become larger than its file system allows."],
    ["ESTALE", "/x cannot be used: its network file system does not answer properly."],
    ["ENOLINK", "/x cannot be used: the system reports ENOLINK."],
  ])("%s is a sentence with a hint", (code, message) => {
    const error = toStoreError(withCode(code), "/x") as AppError;
    expect([error.code, error.message, error.hint !== undefined]).toEqual(["unavailable", message, true]);
  });

  test("of another kind stays as it is", () => {
    const error = new Error("a mistake of this program");
    expect(toStoreError(error, "/x")).toBe(error);
  });
});
