/** Replaces values after the name of a secret that is not written in ASCII: `пароль: …`, `密码：…`. */

import { classOfForeign, FOREIGN_NAME } from "../words/foreign-words.ts";
import { NAMED_SECRET } from "../words/redaction-mark.ts";
import { isSecretValue, looksRandom } from "../words/secret-values.ts";
import { quotedValue, sticky, unquotedValue } from "../words/value-ends.ts";

/** Quotes, an addition in brackets, a sign or a word for "is". */
const SIGN =
  /["'`*)]{0,3}(?:[ \t]?[([（【][^()[\]（）【】\n]{1,40}[)\]）】])?[ \t]{0,8}(?::=|=>|[:=：＝]|[–—-](?=[ \t])|は|是|为|為)[ \t\u3000]{0,8}(?:\*{1,2}[ \t]{1,4})?[「『“„«]?/uy;

export function replaceForeignNamed(text: string): string {
  let result = "";
  let done = 0;
  for (const { index, 0: word } of text.matchAll(FOREIGN_NAME)) {
    const end = index + word.length;
    const sign = end < done ? null : sticky(SIGN, text, end);
    if (!sign) continue;
    const at = end + sign[0].length;
    // A secret is written in ASCII. Without this check each of many names would be read as a long value.
    if (text.charCodeAt(at) > 126) continue;
    const value = quotedValue(text, at) ?? unquotedValue(text, at, false);
    if (!value) continue;
    // A sentence has no blanks in some scripts; a secret is written in ASCII.
    const whole = text.slice(value.from, value.to);
    const own = value.form === "quoted" ? whole : (/^[!-~]+/.exec(whole)?.[0] ?? "");
    const of = classOfForeign(word);
    const isSecret = of === "password" ? own.length >= 4 : looksRandom(own, 8);
    if (!isSecret || !isSecretValue(own, of, "assigned", false)) continue;
    result += text.slice(done, value.from) + NAMED_SECRET;
    done = value.from + own.length;
  }
  return done === 0 ? text : result + text.slice(done);
}
