/** Values in XML and HTML: `<password>…</password>`, `<entry key="password">…`, `<td>Password</td><td>…`. */
import type { NameInText } from "./name-in-text.ts";
import type { Value } from "./words/secret-values.ts";
import { lineEnd, sticky, unquotedValue } from "./words/value-ends.ts";

const CDATA = "(?:<!\\[CDATA\\[)?";
/** After the name of an element, or a name in its attribute `key`, `name` or `id`. */
const INSIDE = new RegExp(`(?:\\\\{0,8}["'])?(?:\\s{1,8}[^<>]{0,200})?>(?:\\s{0,40}<value>)?${CDATA}`, "y");
/** The name is all of an element, and the value all of the next one: a list of properties of Apple, a row of a table. */
const NEXT_ELEMENT = new RegExp(
  `(?:[ \\t]{0,8}:)?(?:</[a-z1-6]{1,12}>\\s{0,40}){1,3}:?\\s{0,8}(<(?:string|value|dd|td|code|b|strong|span)(?:\\s[^<>]{0,100})?>){0,2}${CDATA}`,
  "iy",
);

/** Up to the end of the element or of CDATA. */
function contentAt(text: string, from: number): Value | null {
  const part = text.slice(from, lineEnd(text, from));
  const end = part.search(/<|\]\]>/);
  return end <= 0 || !/^(?:<\/|\])/.test(part.slice(end, end + 2))
    ? null
    : { from, to: from + end, next: from + end, form: "quoted" };
}

export function markupValue(text: string, name: NameInText): Value | null {
  const { start, end } = name;
  if (!/[<>:"']/.test(text.charAt(start - 1))) return null;
  const before = text.slice(Math.max(0, start - 100), start);
  const isElement = /<(?:[A-Za-z][\w-]{0,20}:)?$/.test(before);
  if (isElement || /<[A-Za-z][\w.:-]{0,60}\s[^<>]{0,60}\b(?:key|name|id)\s?=\s?\\{0,8}["']$/.test(before)) {
    const open = sticky(INSIDE, text, end);
    if (!open || open[0].endsWith("/>")) return null;
    const value = contentAt(text, end + open[0].length);
    return value && (isElement || !/\s/.test(text.slice(value.from, value.to))) ? value : null;
  }
  const next = />$/.test(before) ? sticky(NEXT_ELEMENT, text, end) : null;
  if (!next) return null;
  if (next[1] === "<string>") return contentAt(text, end + next[0].length);
  const word = unquotedValue(text, end + next[0].length, false);
  return word && { ...word, form: "prose" };
}
