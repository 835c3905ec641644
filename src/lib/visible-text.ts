/**
 * Texts written by flows, by users and by senders of events, before a person or a model sees them: what is invisible, or what controls a
 * terminal, is removed.
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

/** The text, which has no half of a surrogate pair, with `\uXXXX` for each character that `visibleText` would remove or change. */
export function escapeInvisible(text: string): string {
  if (ORDINARY.test(text)) return text;
  return text.replace(LINE_ENDS, escapeUnits).replace(INVISIBLE, escapeUnits);
}

function escapeUnits(text: string): string {
  let escaped = "";
  for (let at = 0; at < text.length; at += 1) escaped += `\\u${text.charCodeAt(at).toString(16).padStart(4, "0")}`;
  return escaped;
}
