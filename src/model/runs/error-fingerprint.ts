import type { Frame } from "./traceback.ts";

const UUID = /\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/gi;
const TIMESTAMP = /\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?/g;
const ADDRESS = /\b0x[0-9a-f]+\b/gi;
const WITH_DIGIT = /(?<![\p{L}_])[\p{L}_]*\d[\p{L}\p{N}_]*(?:[.,:-]\p{N}[\p{L}\p{N}_]*)*/gu;

/** The rest of a longer text would hardly change the result, and take long. */
const MAX_CHARS = 2_000;

/** An error text in which the parts that differ between occurrences (ids, times, addresses, numbers) are replaced by `#`. */
export function normaliseErrorText(text: string): string {
  return text
    .slice(0, MAX_CHARS)
    .replace(UUID, "#")
    .replace(TIMESTAMP, "#")
    .replace(ADDRESS, "#")
    .replace(WITH_DIGIT, "#")
    .replace(/(?:#[\s,;:/.-]*){2,}/g, (run) => (/\s$/.test(run) ? "# " : "#"))
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, 300);
}

/** Failures with equal fingerprints are the same problem: same exception, same text except numbers, same place in user code. */
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
