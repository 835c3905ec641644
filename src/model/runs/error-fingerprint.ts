import type { Frame } from "./traceback.ts";

const UUID = /\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/gi;
const TIMESTAMP = /\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?/g;
const ADDRESS = /\b0x[0-9a-f]+\b/gi;
const WITH_DIGIT = /[\p{L}_]*\d[\p{L}\p{N}_]*(?:[.,:-]\p{N}[\p{L}\p{N}_]*)*/gu;

/** More of a text cannot change what is left of it by much, and takes long. */
const MOST_CHARACTERS = 2_000;

/** An error text without what differs from one occurrence to the next: ids, times, addresses, numbers become `#`. */
export function normaliseErrorText(text: string): string {
  return text
    .slice(0, MOST_CHARACTERS)
    .replace(UUID, "#")
    .replace(TIMESTAMP, "#")
    .replace(ADDRESS, "#")
    .replace(WITH_DIGIT, "#")
    .replace(/(?:#[\s,;:/.-]*){2,}/g, (run) => (/\s$/.test(run) ? "# " : "#"))
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, 300);
}

/** Two failures with equal fingerprints are one problem: same exception, same text but for numbers, same place in user code. */
export function errorFingerprint(error: {
  readonly type: string | null;
  readonly message: string;
  readonly frame: Frame | null;
}): string {
  const place = error.frame ? `${baseName(error.frame.file)}:${error.frame.function}` : "";
  return `${error.type ?? ""}|${normaliseErrorText(error.message)}|${place}`;
}

function baseName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}
