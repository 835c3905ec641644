/**
 * Texts written by flows, by users and by senders of events are data, not instructions. Before a model or a terminal gets them,
 * invisible characters are removed, and they are put between marks that their author could not know.
 */

/** ANSI sequences: colours, and those that move the cursor or set the title. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are removed.
const ANSI = /\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]|\x1b\][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)/g;
const LINE_ENDS = /\r\n?|[\x85\u2028\u2029]/g;
/**
 * Control characters except tab and line feed, what Unicode calls default-ignorable (zero-width and bidi characters, tags, variation
 * selectors, fillers), and interlinear marks. https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are removed.
const INVISIBLE = /[\x00-\x08\x0b-\x1f\x7f-\x9f\ufff9-\ufffb\p{Default_Ignorable_Code_Point}]/gu;
const ORDINARY = /^[\n\t\x20-\x7e]*$/;

/** The text without invisible characters. Line ends become `\n`; halves of surrogate pairs become U+FFFD. */
export function visibleText(text: string): string {
  if (ORDINARY.test(text)) return text;
  return text.replace(ANSI, "").replace(LINE_ENDS, "\n").toWellFormed().replace(INVISIBLE, "");
}

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

/** The text without invisible characters, between marks with the tag. In the text, the tag is replaced. */
export function fence(text: string, tag: string): string {
  const inside = visibleText(text).replaceAll(tag, "-");
  return `<untrusted-${tag}>\n${inside}${inside.endsWith("\n") ? "" : "\n"}</untrusted-${tag}>`;
}
