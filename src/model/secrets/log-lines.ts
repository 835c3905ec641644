/**
 * Replaces secrets that are spread over several log lines of a run: a private key that was written line by line, a name and its value,
 * a key id of AWS and its secret, a token that was cut. The result for a line does not depend on how the lines were divided into
 * batches, as long as the last batch is redacted together with the lines around it.
 */
import { hasAwsKeyId, replaceAwsSecrets } from "./aws-secrets.ts";
import { endsWithSecretName } from "./named-values.ts";
import { PRIVATE_KEY_END, PRIVATE_KEY_PART, PRIVATE_KEY_START } from "./private-keys.ts";
import { redactRow, type Titles, titlesOf } from "./statements/table-secrets.ts";
import { NAMED_SECRET } from "./words/redaction-mark.ts";
import { looksRandom } from "./words/secret-values.ts";

export interface LogMessage {
  readonly message: string;
  /** The logger. */
  readonly name: string;
  readonly flow_run_id?: string | null;
  readonly task_run_id?: string | null;
  /** ISO 8601 of the server, all with the same number of digits. */
  readonly timestamp?: string;
}

/** A line of base64, but no plain word. */
const KEY_LINE = /^(?![A-Z]?[a-z]*$)=?[A-Za-z0-9+/]{1,128}={0,2}$/;
/** Tools break lines of keys after 64 characters (RFC 7468), OpenSSH after 70. */
const FULL_KEY_LINE = /^(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9+/])(?:[A-Za-z0-9+/]{64}|[A-Za-z0-9+/]{70})$/;
const LONG_WORD_AT_END = /(?<=\s)(?![0-9a-f]*$)[A-Za-z0-9+/]{40,128}={0,2}$/;
const CERTIFICATE_EDGE = /-----(BEGIN|END) [A-Z0-9 ]{0,40}(?:CERTIFICATE|PUBLIC KEY)[A-Z ]{0,20}-----/g;
/** A word in a line of its own that is neither a plain word nor an id. */
const REST_OF_TOKEN = /^(?![A-Z]?[a-z]*$|[0-9a-f]{8}-[0-9a-f]{4}-)[A-Za-z0-9_+/=-]{8,}$/;
const MARK_AT_END = /\[redacted:[a-z0-9-]+\]$/;
/** Kinds of which no rest can follow: their end is known. */
const WHOLE = /^\[redacted:(?:private-key|aws-|url-|basic-|configured-|variable-|block-)/;
/** A rest of a value whose form is not known must look random. */
const RANDOM_REST =
  /^(?:(?=[A-Za-z]*\d)(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9_+/=]{8,}|(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=\D*\d)[A-Za-z0-9_+/=.-]{8,}|[a-z]+[A-Z][A-Za-z]*)$/;
/** Longest word at the end of a line that is tried together with the next line. */
const MAX_CUT = 300;

/** Other rows of the same logger that may be between two rows of a key whose beginning was seen. */
const MAX_ROWS_BETWEEN = 20;
/** A line of a key after other rows: no word or id of those rows has this form. */
const KEY_LINE_ALONE = /^(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=[^0-9+/=]*[0-9+/=])[A-Za-z0-9+/]{16,128}={0,2}$/;

function lastLineOf(text: string): string {
  const trimmed = text.trimEnd();
  return trimmed.slice(trimmed.lastIndexOf("\n") + 1).trim();
}

function isTitles(line: string): boolean {
  return /pass|pwd|token|secret|key/i.test(line.slice(0, 400)) && titlesOf(line) !== null;
}

/** Whether the line may hold a part of a secret whose other parts are in the lines around it. */
function maySpanLines(message: string): boolean {
  const end = message.slice(-40);
  const word = /(?<!\S)\S+$/.exec(end)?.[0] ?? "";
  return (
    (/[A-Za-z0-9_+/=:-]$/.test(word) && !/^[A-Z]?[a-z]*$/.test(word)) ||
    /[=:]\s{0,8}["'`]?\s{0,8}$/.test(end) ||
    message.includes("[redacted:") ||
    isTitles(lastLineOf(message)) ||
    !/\s/.test(lastLineOf(message))
  );
}

/** Whether the line may hold a part of a secret whose other parts are many lines away, because other tasks wrote in between. */
export function mayContinueFar(message: string): boolean {
  if (message.includes("[redacted:private-key-") || hasAwsKeyId(message)) return true;
  return replaceAwsSecrets(message) !== message || KEY_LINE_ALONE.test(lastLineOf(message));
}

/** Replaces lines of a key in the message, and says whether it ends with one. */
function hideKeyLines(message: string): { readonly message: string; readonly endsInside: boolean } {
  let endsInside = false;
  const lines = message.split("\n").map((line) => {
    const word = line.trim();
    if (word === "") return line;
    const isPart = word === PRIVATE_KEY_PART || KEY_LINE.test(word);
    const hidden = isPart ? PRIVATE_KEY_PART : line.trimEnd().replace(LONG_WORD_AT_END, PRIVATE_KEY_PART);
    endsInside = hidden.endsWith(PRIVATE_KEY_PART);
    return endsInside ? hidden : line;
  });
  const merged = lines.filter((line, at) => line !== PRIVATE_KEY_PART || lines[at - 1] !== PRIVATE_KEY_PART);
  return { message: merged.join("\n"), endsInside };
}

/** A message of nothing but full lines of a key, perhaps after one line that names their origin. */
function isKeyText(message: string): boolean {
  const lines = message.split("\n").map((line) => line.trim());
  const body = lines.filter((line, at) => line !== "" && (at > 0 || KEY_LINE.test(line)));
  return body.length > 0 && body.some((line) => FULL_KEY_LINE.test(line)) && body.every((line) => KEY_LINE.test(line));
}

/** Private keys, over the messages of one logger in their order. Changes `messages`. */
function hideKeys(messages: string[]): void {
  let isOpen = false;
  let isPublic = false;
  /** Rows since the last one of a key that has not ended. */
  let between = MAX_ROWS_BETWEEN;
  for (const [at, message] of messages.entries()) {
    const edges = [...message.matchAll(CERTIFICATE_EDGE)];
    if (isOpen) {
      const hidden = hideKeyLines(message);
      messages[at] = hidden.message;
      isOpen = hidden.endsInside && !message.includes(PRIVATE_KEY_END);
      between = message.includes(PRIVATE_KEY_END) ? MAX_ROWS_BETWEEN : isOpen ? 0 : 1;
    } else if (between < MAX_ROWS_BETWEEN && KEY_LINE_ALONE.test(message.trim())) {
      messages[at] = hideKeyLines(message).message;
      between = 0;
    } else if (
      !isPublic &&
      edges.length === 0 &&
      (isKeyText(message) || message.trimEnd().endsWith(PRIVATE_KEY_PART))
    ) {
      messages[at] = hideKeyLines(message).message;
      isOpen = true;
    } else between = message.includes(PRIVATE_KEY_END) ? MAX_ROWS_BETWEEN : between + 1;
    if (message.trimEnd().endsWith(PRIVATE_KEY_START)) isOpen = true;
    isPublic = edges.length > 0 ? edges.at(-1)?.[1] === "BEGIN" : isPublic && KEY_LINE.test(lastLineOf(message));
  }
  for (let at = messages.length - 1; at > 0; at -= 1) {
    const [before = "", own = ""] = [messages[at - 1], messages[at]];
    const isEnd = lastLineOf(own.slice(0, own.indexOf(PRIVATE_KEY_END) + PRIVATE_KEY_END.length)) === PRIVATE_KEY_END;
    const isPart = lastLineOf(own) === PRIVATE_KEY_PART;
    const last = lastLineOf(before);
    const least = own.includes(PRIVATE_KEY_END) && isEnd ? 1 : isPart ? 16 : Number.POSITIVE_INFINITY;
    if (last.length >= least && KEY_LINE.test(last)) messages[at - 1] = hideKeyLines(before).message;
  }
}

/** A value whose name ends the message before, and a token that was cut between two messages. Changes `messages`. */
function hideContinued(messages: string[], redact: (text: string) => string): void {
  for (let at = 1; at < messages.length; at += 1) {
    const [before = "", own = ""] = [messages[at - 1], messages[at]];
    const word = lastLineOf(own);
    const isLone = word !== "" && !/\s/.test(word) && !MARK_AT_END.test(word);
    if (isLone && looksRandom(word, 6) && endsWithSecretName(before)) {
      messages[at] = own.trimEnd().slice(0, -word.length) + NAMED_SECRET;
      continue;
    }
    const mark = MARK_AT_END.exec(before)?.[0];
    if (mark !== undefined) {
      const isRest = mark === NAMED_SECRET ? RANDOM_REST.test(word) : REST_OF_TOKEN.test(word);
      if (!WHOLE.test(mark) && isLone && word === own.trim() && isRest) messages[at] = mark;
      continue;
    }
    const head = /(?<![A-Za-z0-9_+/.-])[A-Za-z0-9_+/.-]+$/.exec(before.slice(-MAX_CUT))?.[0] ?? "";
    const tail = head === "" ? "" : (/^[A-Za-z0-9_+/=.-]+/.exec(own.slice(0, 4_096))?.[0] ?? "");
    if (tail === "") continue;
    const cut = cutOf(head, tail, redact);
    if (!cut) continue;
    messages[at - 1] = before.slice(0, before.length - head.length) + cut.head;
    messages[at] = cut.tail + own.slice(tail.length);
  }
}

/** What replaces the two parts of a token; null: they do not form one. */
function cutOf(head: string, tail: string, redact: (text: string) => string): { head: string; tail: string } | null {
  const joined = head + tail;
  const clean = redact(joined);
  if (clean === joined) return null;
  const [mark] = /\[redacted:[a-z0-9-]+\]/.exec(clean) ?? [];
  if (mark === undefined) return null;
  const from = clean.indexOf(mark);
  const after = clean.length - from - mark.length;
  // The name was cut, and the value is in the second part.
  if (from >= head.length && clean.startsWith(head)) return { head, tail: clean.slice(head.length) };
  const isOne = clean === joined.slice(0, from) + mark + joined.slice(joined.length - after);
  if (!isOne || from >= head.length || after >= tail.length) return null;
  return { head: joined.slice(0, from) + mark, tail: mark + tail.slice(tail.length - after) };
}

/** Rows of a table whose titles ended a message before. Changes `messages`. */
function hideRows(messages: string[]): void {
  let titles: Titles | null = null;
  for (const [at, message] of messages.entries()) {
    const row = titles === null || message.includes("\n") ? null : redactRow(message, titles);
    if (row !== null) messages[at] = row;
    else titles = isTitles(lastLineOf(message)) ? titlesOf(lastLineOf(message)) : null;
  }
}

function hideAwsSecrets(messages: string[]): void {
  if (!messages.some(hasAwsKeyId)) return;
  for (const [at, message] of messages.entries()) messages[at] = replaceAwsSecrets(message);
}

/** Positions of the lines in the order of their time. Lines of one time keep their order, in a descending list the reverse of it. */
function inOrder(lines: readonly LogMessage[]): number[] {
  const order = [...lines.keys()];
  const timeOf = (at: number) => lines[at]?.timestamp ?? "";
  if (timeOf(0) > timeOf(lines.length - 1)) order.reverse();
  return order.sort((a, b) => (timeOf(a) < timeOf(b) ? -1 : timeOf(a) > timeOf(b) ? 1 : 0));
}

/** `lines`: each redacted by itself. `redact`: of one text. The array itself when nothing changes. */
export function redactLogLines<T extends LogMessage>(
  lines: readonly T[],
  redact: (text: string) => string,
): readonly T[] {
  if (lines.length < 2 || !lines.some(({ message }) => maySpanLines(message))) return lines;
  const messages = lines.map(({ message }) => message);
  const change = (indexes: readonly number[], hide: (part: string[]) => void) => {
    const part = indexes.map((at) => messages[at] as string);
    hide(part);
    for (const [at, index] of indexes.entries()) messages[index] = part[at] as string;
  };
  const order = inOrder(lines);
  const groups = (keyOf: (line: LogMessage) => string) =>
    Map.groupBy(order, (at) => keyOf(lines[at] as LogMessage)).values();
  for (const indexes of groups((line) => `${line.flow_run_id}/${line.task_run_id}/${line.name}`))
    change(indexes, (part) => {
      hideKeys(part);
      hideRows(part);
      hideContinued(part, redact);
    });
  for (const indexes of groups((line) => `${line.flow_run_id}`)) change(indexes, hideAwsSecrets);
  return messages.every((message, at) => message === lines[at]?.message)
    ? lines
    : lines.map((line, at) => (messages[at] === line.message ? line : { ...line, message: messages[at] as string }));
}
