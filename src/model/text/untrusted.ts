/**
 * Text written by flows, users and whoever sends events is data. Before a model or a terminal sees it, what the eye cannot
 * see is taken out, and it stands between marks that its author could not know.
 */

/** ANSI sequences: colours of log lines, and the ones that move cursors or set titles. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are taken out.
const ANSI = /\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]|\x1b\][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)/g;
const LINE_ENDS = /\r\n?|[\x85\u2028\u2029]/g;
/**
 * Controls but tab and line feed, everything Unicode calls default-ignorable (zero-width and bidi characters, tags, variation
 * selectors, fillers), interlinear marks. https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are taken out.
const INVISIBLE = /[\x00-\x08\x0b-\x1f\x7f-\x9f\ufff9-\ufffb\p{Default_Ignorable_Code_Point}]/gu;
const ORDINARY = /^[\n\t\x20-\x7e]*$/;

/** The text without what cannot be seen. Line ends become `\n`; halves of surrogate pairs become U+FFFD. */
export function visibleText(text: string): string {
  if (ORDINARY.test(text)) return text;
  return text.replace(ANSI, "").replace(LINE_ENDS, "\n").toWellFormed().replace(INVISIBLE, "");
}

const ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789";

/** A tag that cannot be guessed: 10 characters, 49 bits. `randomBytes` gives that many bytes; make a new tag for each answer. */
export function makeTag(randomBytes: (size: number) => Uint8Array): string {
  // 16 bits per character keep the modulo's bias below 0.1 %.
  const bytes = randomBytes(20);
  let tag = "";
  for (let index = 0; index < 20; index += 2) {
    tag += ALPHABET.charAt(((bytes[index] ?? 0) * 256 + (bytes[index + 1] ?? 0)) % ALPHABET.length);
  }
  return tag;
}

/** The text, made visible, between marks that carry the tag. A tag that the text happens to hold is taken out of it. */
export function fence(text: string, tag: string): string {
  const inside = visibleText(text).replaceAll(tag, "-");
  return `<untrusted-${tag}>\n${inside}${inside.endsWith("\n") ? "" : "\n"}</untrusted-${tag}>`;
}
