import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { systemCode, systemReason } from "../../src/lib/system-errors.ts";

/** The error of reading a file. */
function errorOf(path: string): unknown {
  try {
    return readFileSync(path);
  } catch (error) {
    return error;
  }
}

test.each([
  [`/${"a".repeat(300)}`, "ENAMETOOLONG", "its name or path is too long"],
  [`/${"abcdefg/".repeat(600)}`, "ENAMETOOLONG", "its name or path is too long"],
  ["/nowhere/at/all", "ENOENT", "it does not exist"],
  ["/", "EISDIR", "it is a folder"],
  [`${import.meta.path}/x`, "ENOTDIR", "a part of its path is a file, not a folder"],
])("reading %.20s fails with a reason", (path, code, reason) => {
  const error = errorOf(path);
  expect([systemCode(error), systemReason(error)]).toEqual([code, reason]);
});

test("a code without a sentence is named, and other errors have none", () => {
  expect(systemReason(Object.assign(new Error("x"), { code: "ENOLINK" }))).toBe("the system reports ENOLINK");
  for (const other of [new Error("x"), "ENOENT", null, Object.assign(new Error("x"), { code: "SQLITE_FULL" })]) {
    expect(systemReason(other)).toBeNull();
  }
});
