/**
 * Opaque cursors: base64url of a checksum, a fingerprint of the question (tool, window, filter) and the position.
 * The position is all that they contain of the workspace; they never contain a credential.
 */

import { AppError } from "../../errors.ts";
import { isJsonObject } from "../../lib/exact-json.ts";
import { append } from "../../lib/lists.ts";
import { type Checked, own, sentence } from "../../lib/shown-text.ts";
import { bytesToUuid, isUuid, uuidToBytes } from "../../lib/uuid.ts";
import type { QueryContext } from "../../queries/source/context.ts";

/** Parts of a position: integers (microseconds, offsets), UUIDs, short texts, null. */
export type CursorValue = number | string | null;

declare const isQuestion: unique symbol;
/** What a cursor continues: the arguments of a call, and the workspace that it asks. Only `questionIn` makes one. */
export interface Question {
  readonly workspace: string;
  readonly asked: unknown;
  /** The argument `at`. */
  readonly moment: string | undefined;
  readonly [isQuestion]: true;
}

/** The question `asked` in the workspace of the call: the cursor of one workspace is refused in every other. */
export function questionIn({ instance, past }: Pick<QueryContext, "instance" | "past">, asked: unknown): Question {
  return { workspace: instance, asked, moment: past?.at } as Question;
}

const INTEGER = 0;
const UUID = 1;
const TEXT = 2;
const NULL = 3;

/** A cursor for `question` that continues at `position`. The same question must be given to read it. */
export function encodeCursor(question: Question, position: readonly CursorValue[]): string {
  const body: number[] = [];
  for (const value of position) pushValue(body, value);
  const bytes = new Uint8Array(8 + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(4, fingerprint(question));
  bytes.set(body, 8);
  view.setUint32(0, hash32(bytes.subarray(4)));
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/** The position in `cursor`. Throws AppError `invalid_input` for a damaged cursor or one of another question. */
export function decodeCursor(question: Question, cursor: string): CursorValue[] {
  let bytes: Uint8Array;
  try {
    bytes = Uint8Array.fromBase64(cursor.trim(), { alphabet: "base64url" });
  } catch {
    throw badCursor("is not from this server");
  }
  if (bytes.length < 8) throw badCursor("is not from this server");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0) !== hash32(bytes.subarray(4))) throw badCursor("is damaged");
  if (view.getUint32(4) !== fingerprint(question)) throw badCursor("belongs to other arguments");
  return readValues(bytes.subarray(8));
}

/** For cursors that cannot be decoded, and for positions in another form than the tool writes. */
export function badCursor<const Text extends string>(why: Text & Checked<Text>): AppError {
  return new AppError("invalid_input", sentence`cursor ${own<Text>(why)}`, {
    hint: "Pass next_cursor unchanged, in the same workspace together with the same arguments (limit, detail, fields and fresh may change), or leave cursor out.",
  });
}

function pushValue(out: number[], value: CursorValue): void {
  if (value === null) out.push(NULL);
  else if (typeof value === "number") {
    out.push(INTEGER);
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigInt64(0, BigInt(value));
    append(out, bytes.subarray(1));
  } else if (isUuid(value) && value === value.toLowerCase()) append(out, [UUID, ...uuidToBytes(value)]);
  else {
    const text = new TextEncoder().encode(value);
    append(out, [TEXT, text.length >> 8, text.length & 255, ...text]);
  }
}

function readValues(bytes: Uint8Array): CursorValue[] {
  const values: CursorValue[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at++];
    if (tag === NULL) values.push(null);
    else if (tag === INTEGER) {
      const wide = new Uint8Array(8);
      wide.set(bytes.subarray(at, at + 7), 1);
      if ((wide[1] ?? 0) & 0x80) wide[0] = 0xff;
      values.push(Number(new DataView(wide.buffer).getBigInt64(0)));
      at += 7;
    } else if (tag === UUID) {
      values.push(bytesToUuid(bytes.subarray(at, at + 16)));
      at += 16;
    } else {
      const length = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
      values.push(new TextDecoder().decode(bytes.subarray(at + 2, at + 2 + length)));
      at += 2 + length;
    }
  }
  return values;
}

function fingerprint(question: unknown): number {
  return hash32(new TextEncoder().encode(canonical(question)));
}

/** JSON with sorted keys and without undefined members, so that equal questions give equal text. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isJsonObject(value)) return JSON.stringify(value) ?? "null";
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, member]) => `${JSON.stringify(key)}:${canonical(member)}`).join(",")}}`;
}

/** FNV-1a, 32 bits: detects accidental damage, not forgery. */
function hash32(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
