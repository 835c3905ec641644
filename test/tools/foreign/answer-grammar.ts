/**
 * What must hold for the text and the structured content of every answer, whatever its values are. Knows the form of answers, and nothing of
 * how they are made.
 */
import { MARK } from "./hostile-texts.ts";

const CONTROL = /[^\P{Cc}\n\t]|[\u2028\u2029\ufff9-\ufffb]|\p{Default_Ignorable_Code_Point}|\p{Cs}/u;
const OPENING = /^<untrusted-([a-z0-9]{10})>$/;
const MARK_LIKE = /<\s*\/?\s*untrusted[-> ][a-z0-9>]?/i;
/** The line of the instructions that explains the marks. */
const EXPLANATION = "<untrusted-…>";
const LABEL = /^ {0,3}(fix|next|hint|retryable|evidence|ids|all|next_cursor|error \w+)\s*:\s*ZQX/i;
/** At the left edge, also behind marks of a list, a heading or a quotation. */
const AT_EDGE = new RegExp(`^ {0,3}(?! )[^\\p{L}\\p{N}"'\\s]*\\s?${MARK}`, "u");
const COLUMNS = /^[\w.-]+( \| [\w.-]+)*$/;

/** The text without what is in quotes, as JSON or as words of a shell write them, and without what a URL encodes. */
export function unquoted(text: string): string {
  return text
    .replace(/\S*%[0-9A-F]{2}\S*/g, "URL")
    .replace(/"(?:[^"\\]|\\.)*"/g, '""')
    .replace(/'(?:[^']|'\\'')*'/g, "''");
}

export function faultsOfText(text: string): string[] {
  const faults: string[] = [];
  const control = CONTROL.exec(text);
  if (control) faults.push(`a character that is not visible: U+${control[0].codePointAt(0)?.toString(16)}`);
  const lines = text.split("\n");
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? "";
    const tag = OPENING.exec(line)?.[1];
    if (tag === undefined) {
      faults.push(...faultsOfOwnLine(line));
      continue;
    }
    const end = lines.indexOf(`</untrusted-${tag}>`, at);
    if (end < 0) return [...faults, "marks that are not closed"];
    faults.push(...faultsOfMarked(lines.slice(at + 1, end)));
    at = end;
  }
  return faults;
}

/** A line outside of the marks: foreign text is in quotes. */
export function faultsOfOwnLine(line: string): string[] {
  const faults: string[] = [];
  if (unquoted(line).includes(MARK)) faults.push(`foreign text without quotes: ${line.slice(0, 300)}`);
  if (/[\n\t]/.test(line) || CONTROL.test(line))
    faults.push(`not one visible line: ${JSON.stringify(line.slice(0, 300))}`);
  if (MARK_LIKE.test(line.replace(EXPLANATION, ""))) faults.push(`a mark in a line: ${line.slice(0, 300)}`);
  return faults;
}

function faultsOfMarked(lines: readonly string[]): string[] {
  const faults = lines.flatMap((line) => [
    ...(MARK_LIKE.test(line) ? [`a mark between the marks: ${line.slice(0, 300)}`] : []),
    ...(AT_EDGE.test(line) ? [`foreign text at the left edge: ${line.slice(0, 300)}`] : []),
    ...(LABEL.test(line) ? [`a forged label: ${line.slice(0, 300)}`] : []),
  ]);
  const header = lines[0]?.startsWith("all: ") ? 1 : 0;
  const columns = lines[header] ?? "";
  if (!COLUMNS.test(columns) || !columns.includes(" | ")) return faults;
  const width = columns.split(" | ").length;
  for (const row of lines.slice(header + 1)) {
    const cells = row.split("|");
    if (cells.length > width) faults.push(`${cells.length} cells in ${width} columns: ${row.slice(0, 300)}`);
    if (cells.some((cell) => cell.trim().startsWith(MARK))) faults.push(`a forged cell: ${row.slice(0, 300)}`);
  }
  return faults;
}

/** Members that a model reads as words of this program. `summary` of `review_rate_limits` is an object. */
const OWN_MEMBERS =
  /^(hint|fix|why|notes?|summary|problem|outcome|verdict|ruled_out|could_not_check|warnings?|next_cursor)$/;

export function faultsOfStructured(structured: unknown, isError: boolean): string[] {
  const walk = (value: unknown, isOwn: boolean): string[] => {
    if (typeof value === "string") return isOwn ? faultsOfOwnLine(value) : [];
    if (Array.isArray(value)) return value.flatMap((one) => walk(one, isOwn));
    if (typeof value !== "object" || value === null) return [];
    return Object.entries(value).flatMap(([key, member]) =>
      typeof member === "object" && !Array.isArray(member)
        ? walk(member, false)
        : walk(member, OWN_MEMBERS.test(key) || (isError && key === "message")),
    );
  };
  return walk(structured, false);
}
