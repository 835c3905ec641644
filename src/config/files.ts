/** Reads files with settings. Nothing here throws, and no message quotes a file, which may contain secrets. */
import { readFileSync, statSync } from "node:fs";
import { parse, TomlError } from "smol-toml";
import { systemCode, systemReason } from "../lib/system-errors.ts";

export type TomlTable = Readonly<Record<string, unknown>>;

export type FileContent<T> =
  | { readonly kind: "missing" }
  | { readonly kind: "broken"; readonly reason: string }
  | { readonly kind: "read"; readonly content: T };

export function readText(path: string): FileContent<string> {
  try {
    return { kind: "read", content: readFileSync(path, "utf8") };
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return { kind: "missing" };
    return { kind: "broken", reason: systemReason(error) ?? "reading it failed" };
  }
}

export function readToml(path: string): FileContent<TomlTable> {
  const file = readText(path);
  if (file.kind !== "read") return file;
  try {
    return { kind: "read", content: parse(file.content.replace(/^\uFEFF/, "")) };
  } catch (error) {
    const at = error instanceof TomlError ? ` (line ${error.line}, column ${error.column})` : "";
    return { kind: "broken", reason: `it is not valid TOML${at}` };
  }
}

export function isTable(value: unknown): value is TomlTable {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** The value at a dotted path, or undefined. */
export function valueAt(table: TomlTable, path: string): unknown {
  let value: unknown = table;
  for (const key of path.split(".")) {
    if (!isTable(value) || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value;
}

/** Changes when one of the files is written, replaced, created or removed. */
export function fingerprintOf(files: readonly string[]): string {
  return files
    .map((file) => {
      try {
        const { mtimeMs, ctimeMs, size, ino } = statSync(file);
        return `${file}:${mtimeMs}:${ctimeMs}:${size}:${ino}`;
      } catch {
        return `${file}:-`;
      }
    })
    .join("\n");
}
