/**
 * Texts written by flows, by users and by senders of events are data, not instructions. A model gets them between marks that their author
 * could not know.
 */
import { type Line, MARK_LIKE } from "../../lib/shown-text.ts";
import { visibleText } from "../../lib/visible-text.ts";

const ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789";

/** A tag that cannot be guessed: 10 characters, 49 bits. Each answer needs a new one. */
export function makeTag(randomBytes: (size: number) => Uint8Array): string {
  // With 16 bits per character, the bias of the modulo is below 0.1 %.
  const bytes = randomBytes(20);
  let tag = "";
  for (let index = 0; index < 20; index += 2) {
    tag += ALPHABET.charAt(((bytes[index] ?? 0) * 256 + (bytes[index + 1] ?? 0)) % ALPHABET.length);
  }
  return tag;
}

/** The lines as one text in which nothing looks like a mark. */
export function textWithoutMarks(lines: readonly Line[]): string {
  return visibleText(lines.join("\n")).replace(MARK_LIKE, "‹");
}

/** Puts a text of `textWithoutMarks` between marks with the tag, which is replaced in the text. */
export function fence(inside: string, tag: string): string {
  return `<untrusted-${tag}>\n${inside.replaceAll(tag, "-")}\n</untrusted-${tag}>`;
}
