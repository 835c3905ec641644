/** Finds the whole name of a secret around one of its words in a text. */
import type { Occurrence } from "../../lib/literal-set.ts";
import { classOfName, FIRST_WORD, isFolderName, type NameClass } from "./words/secret-names.ts";

function codesOf(word: string): string[] {
  return [" ", "_", "-", ""].map((sign) => `${word}${sign}code`);
}

const CODES =
  "pass access recovery backup activation verification authorization auth authentication one-time one_time confirmation device login sms mfa 2fa otp pairing";

/** One of these is in every name that `classOfName` knows, with what follows it. */
export const NAME_LITERALS: readonly string[] =
  "passw passphrase passcode kennwort pwd pswd psw psk _pass userpass dbpass sshpass mysqlpass pgpass storepass keypass ^pass= ^pass: ^pass\" ^pass' ^pass% _pw ^pw= ^pw: ^pw\" ^pw' senha wachtwoord haslo contrase motdepasse heslo salasana ^parola adgangskode passord losenord geslo lozinka ^clave ^mdp --pass psswd pasword passowrd passwrod ^pword mnemonic seed_phrase seed-phrase recovery_phrase secret token credential creds authorization cookie signature ^sig= ^sig% ^sig\" ^sig' ^sas= ^pat= _pat= _pat\" _pat' jwt key sessionid session_id session-id sessid _auth auth_str authstr requirepass masterauth remotepass ^otp totp _otp secretid secret_id secret-id samlresponse saml_response code_verifier codeverifier code-verifier client_assertion authident sonar.login bearer:"
    .split(" ")
    .concat(
      "identified by",
      "identified with",
      "identified via",
      "seed phrase",
      "recovery phrase",
      "pass phrase",
      "pass-phrase",
    )
    .concat("mot de passe", "kata sandi", ...CODES.split(" ").flatMap(codesOf));

/** By code: 1: letters, digits, "_" and "-", 2: ".". */
const NAME_CODES = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  return /[A-Za-z0-9_-]/.test(character) ? 1 : character === "." ? 2 : 0;
});
const NAME_AFTER = /[A-Za-z0-9_\u00c0-\u024f-]/;

function isNameBefore(code: number): boolean {
  return NAME_CODES[code] !== undefined && NAME_CODES[code] !== 0;
}

function isNameAfter(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  if (code > 127) return NAME_AFTER.test(text.charAt(at));
  return NAME_CODES[code] === 1 || (NAME_CODES[code] === 2 && /[A-Za-z0-9]/.test(text.charAt(at + 1)));
}

const MAX_NAME = 100;
/** The end of an escape that stands before a name without a separator: a line break, `%22`, the end of a colour code. */
const ESCAPED_START: readonly [before: string, escape: RegExp][] = [
  ["\\", /^(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|[nrtbfv])/],
  ["%", /^(?:25)*[0-9A-Fa-f]{2}/],
  ["[", /^\d{0,3}m/],
  [";", /^\d{1,3}m/],
];

export const MARK = "[redacted:";

/** A name in a text. */
export interface NameInText {
  readonly start: number;
  readonly end: number;
  readonly of: NameClass;
  /** An option of a command: its value follows a space. */
  readonly isFlag: boolean;
  /** Words of SQL: the value follows in quotes. */
  readonly isSql: boolean;
}

export function nameAround(text: string, from: number, to: number): NameInText {
  let start = from;
  while (start > 0 && from - start < MAX_NAME && isNameBefore(text.charCodeAt(start - 1))) start -= 1;
  const before = text.charAt(start - 1);
  for (const [character, rest] of ESCAPED_START) {
    if (before === character) start += rest.exec(text.slice(start, from))?.[0].length ?? 0;
  }
  let end = to;
  while (end < text.length && end - to < MAX_NAME && isNameAfter(text, end)) end += 1;
  // Its first word is in front of a space.
  if (
    end - start <= 6 &&
    text.charAt(start - 1) === " " &&
    /^(?:key|phrase|code|passe|sandi)$/i.test(text.slice(start, end))
  )
    start -= FIRST_WORD.exec(text.slice(Math.max(0, start - 20), start))?.[0].replace(/^[^A-Za-z0-9]/, "").length ?? 0;
  if (/^authorization$/i.test(text.slice(start, end)) && /^ code\b/i.test(text.slice(end, end + 6))) end += 5;
  const whole = text.slice(start, end);
  const name = whole.replace(/^[-.]+|(?<![-.])[-.]+$/g, "");
  const isFlag = whole.startsWith("-");
  const isMark = text.startsWith(MARK, start - MARK.length);
  const isOfParser =
    name.length === 5 &&
    /^token$/i.test(name) &&
    /\b(?:unexpected|illegal|unknown|next)\s$/i.test(text.slice(Math.max(0, start - 12), start));
  const isPassword = isFlag ? /^pass$/i.test(name) : isFolderName(name) && isInConnection(text, start);
  const of = isMark || isOfParser ? null : isPassword ? "password" : classOfName(name);
  const isSql =
    of === "password" && /\b(?:with|set|encrypted)\s{1,4}$/i.test(text.slice(Math.max(0, start - 16), start));
  return { start, end, of, isFlag, isSql };
}

/** After another field of a connection string. */
export function isInConnection(text: string, start: number): boolean {
  return /(?:;|%3B|[&?])[ \t]{0,4}$/i.test(text.slice(Math.max(0, start - 5), start));
}

/** Some literals include what follows the name. */
export function nameEndOf(text: string, { start, end }: Pick<Occurrence, "start" | "end">): number {
  return NAME_AFTER.test(text.charAt(end - 1)) || end - start < 2 ? end : end - 1;
}
