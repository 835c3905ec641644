/** Whether a value after the name of a secret is one: not a placeholder, a type, a reference or a part of a sentence. */
import type { NameClass } from "./secret-names.ts";

/** How the value is written: in quotes, without quotes directly after "=", or as a word of a text. */
export type ValueForm = "quoted" | "assigned" | "prose";

export interface Value {
  readonly from: number;
  readonly to: number;
  /** Where reading continues, at least `to`. */
  readonly next: number;
  readonly form: ValueForm;
}

const PLACEHOLDER =
  /^(?:(?:[A-Za-z0-9-]{1,24} )?\[redacted:[a-z0-9-]+\]|[*•.#_x:-]+|&(?:lt|#x3c|#60);.*|\$\{.*|\$\(.*|\$[A-Za-z_]\w*|\{\{.*|\{[\w.]*(?:![rsa])?\}|%\(\w+\)[sd]|%[sdr]|<[^<>]*>?|\[[\w .-]*\]?|\(\w*\)?|:\w+|@{1,2}\w+|--[\w-]+=?)$/is;

const WORDS: ReadonlySet<string> = new Set(
  "none null nil undefined nan true false yes no on off str string bytes int integer float number bool boolean object dict list any optional secretstr secretbytes required missing invalid incorrect expired wrong empty unset default unknown error failed ok set not is was has must cannot could should the and are for from with when while redacted masked hidden omitted removed filtered sensitive encrypted protected available found loaded authentication authorization validation password token secret key user:password user:pass username:password".split(
    " ",
  ),
);

const CODE =
  /^(?:[A-Za-z_][\w.]*[([]|(?:self|cls|os|sys|env|environ|settings|config|conf|cfg|args|kwargs|request|ctx|context|params|parameters|options|opts|this|process|secrets|vars|var|local|values|inputs|prefect|credentials|creds|auth)\.[A-Za-z_]|lambda\b|f["']|\/\^)/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const DATE = /^\d{4}-\d{2}-\d{2}(?:[T ][\d:.,+Zz-]*)?$/;
const NUMBER = /^[+-]?\d[\d_.,]*(?:e[+-]?\d+)?(?:%|[a-z]{1,2})?$/i;
const VERSION = /^v?\d+\.\d[\w.+-]*$/;
/** Folders and files, by their first part or because no part has an upper-case letter, which random text of that length has. */
const PATH =
  /^(?:(?:~|\.{1,2}|[A-Za-z]:)?[\\/](?:etc|run|var|home|opt|usr|mnt|app|srv|tmp|root|data|secrets|workspace|Users|Program Files)(?:[\\/].*)?|(?:~|\.{1,2})?(?:\/[a-z0-9._-]+)+\/?)$/;
const URL = /^[a-z][a-z0-9+.-]{1,40}:\/\//i;

/** Letters and digits, or long and of both cases, or with characters that words do not have. */
export function looksRandom(value: string, leastLength: number): boolean {
  if (value.length < leastLength || /\s/.test(value)) return false;
  if (/^#[0-9a-f]{3,8}$/i.test(value) || UUID.test(value) || DATE.test(value) || VERSION.test(value)) return false;
  const hasDigit = /\d/.test(value);
  const hasLetter = /[A-Za-z]/.test(value);
  if (hasDigit && hasLetter) return !/^0x[0-9a-f]{1,16}$/i.test(value);
  if (/[!#$%^&*+=~?@|]/.test(value) && (hasDigit || hasLetter)) return true;
  return value.length >= 16 && /[a-z]/.test(value) && /[A-Z]/.test(value) && !/[-_./]/.test(value);
}

/** Long, with a digit and letters of both cases: hardly a name that people give. */
export function looksGenerated(value: string): boolean {
  return value.length >= 12 && /\d/.test(value) && /[a-z]/.test(value) && /[A-Z]/.test(value) && looksRandom(value, 12);
}

/** Hardly a word of a sentence or of a list, after a name of this class. */
export function isUnlikeWord(value: string, of: NameClass): boolean {
  const isPassword = of === "password" && looksRandom(value, 8) && /\d/.test(value) && !/[/_.:-]/.test(value);
  return isPassword || looksGenerated(value);
}

const SENTENCE: ReadonlySet<string> = new Set(
  "a an at by can enter fail fails here if in it least longer match matches more of than that the this to type too try used we wrong you your characters field input value change changed reset rejected accepted denied check again please".split(
    " ",
  ),
);

/** The word belongs to a sentence about a secret. */
export function hasSentenceWord(word: string): boolean {
  const plain = word.toLowerCase().replace(/(?<![^a-z])[^a-z]+$/, "");
  return WORDS.has(plain) || SENTENCE.has(plain);
}

function isPlain(value: string): boolean {
  return (
    value === "" || PLACEHOLDER.test(value) || WORDS.has(value.toLowerCase()) || URL.test(value) || PATH.test(value)
  );
}

/** `isBare`: the name is a single word such as "token", and may belong to a reference or a sentence. */
export function isSecretValue(value: string, of: NameClass, form: ValueForm, isBare: boolean): boolean {
  const trimmed = value.trim();
  if (trimmed.length > 200 ? trimmed.startsWith("[redacted:") : isPlain(trimmed)) return false;
  if (form !== "quoted" && CODE.test(trimmed)) return false;
  if (of === "code") return (!isBare && /^\d{4,10}$/.test(trimmed)) || (/\d/.test(trimmed) && looksRandom(trimmed, 6));
  if (form === "prose" && of !== "generated")
    return (looksRandom(trimmed, 6) && !NUMBER.test(trimmed)) || (!isBare && UUID.test(trimmed));
  if (of === "generated") return looksGenerated(trimmed);
  if (of === "password") return true;
  if (/\s/.test(trimmed)) return false;
  if (NUMBER.test(trimmed) && trimmed.length < 8) return false;
  if (isBare) return looksRandom(trimmed, 6);
  return trimmed.length >= 4;
}
