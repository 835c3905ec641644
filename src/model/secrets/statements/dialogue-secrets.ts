/** Replaces what is sent to a program or a server that asks for a password: `send "…"` of expect, `PASS …`, `AUTH PLAIN …`. */
import { NAMED_SECRET } from "../words/redaction-mark.ts";
import { isSecretValue, isUnlikeWord, looksGenerated } from "../words/secret-values.ts";

/** One of these is in every text that `replaceDialogueSecrets` changes. */
export const DIALOGUE_LITERALS: readonly string[] = [
  "^send ",
  "^send(",
  "sendline",
  "send_",
  "^pass ",
  "^auth ",
  'auth"',
  " login ",
  "identify ",
  "ugfzc3dvcmq6",
  "^ftp ",
];

const END = "(?=[ \\t]{0,8}(?:$|[\\r\\n\"']|\\\\{1,8}[rn]))";

/** 1: up to the text, 2: the text. https://core.tcl-lang.org/expect/index, https://pexpect.readthedocs.io/en/stable/api/pexpect.html */
const SENT =
  /(\bsend(?:line|_\w{1,10})?(?:[ \t]{0,4}\(|[ \t]{1,4})(?:-[\w-]{1,8}[ \t]{1,4}){0,3}b?\\{0,8}["'{])([^\s"'\\{}$[\]]{4,128})(?=(?:\\{1,8}[rn]){0,3}\\{0,8}["'}])/g;
const ASKED =
  /(?:assw(?:or)?d|assphrase|secret|token|\bPIN|\bOTP)[^A-Za-z\n]{0,12}(?:[\s"'})\]{:;>-]|\\[nr]|send|expect|child|\w{1,12}\.)*$/i;

/** FTP and POP: https://www.rfc-editor.org/rfc/rfc959, https://www.rfc-editor.org/rfc/rfc1939 */
const PASS = new RegExp(
  `((?:^|[\\r\\n"']|\\\\n)[ \\t]{0,8}(?:(-{0,4}>+|C:|quote)[ \\t]{0,4})?PASS[ \\t])([^\\s"'\\\\]{3,128})${END}`,
  "g",
);
const HAS_USER = /\bUSER [^\s"'\\]|\b331 |\+OK/;
/** A script for `ftp -n`. */
const FTP_USER = /((?:\n|\\n)[ \t]{0,8}user[ \t]{1,4}[^\s"'\\]{1,64}[ \t]{1,4})([^\s"'\\]{3,128})/g;
/** https://www.rfc-editor.org/rfc/rfc4954 */
const SASL =
  /(\bAUTH(?:ENTICATE)? (?:PLAIN|LOGIN|XOAUTH2|CRAM-MD5)(?: |\r?\n|(?:\\r)?\\n))([A-Za-z0-9+/]{8,4096}={0,2})/g;
/** After the server's "Password:" in base64. */
const ASKED_IN_BASE64 =
  /(\bUGFzc3dvcmQ6[^A-Za-z0-9+/]{1,40}(?:\\[rn]|(?:C|send|->|>)[:'" ]{0,6}){0,4})([A-Za-z0-9+/]{4,512}={0,2})/g;
/** https://www.rfc-editor.org/rfc/rfc9051#section-6.2.3 */
const IMAP =
  /(\b[A-Za-z]{0,8}\d{1,8} LOGIN (?:\\{0,8}"[^"\\\n]{1,64}\\{0,8}"|[^\s"\\]{1,64}) \\{0,8}"?)([^\s"\\]{3,128})/g;
/** https://redis.io/docs/latest/commands/auth/, as typed and as MONITOR prints it. */
const REDIS = new RegExp(
  `((?:\\bAUTH[ \\t](?:[^\\s"'\\\\]{1,64}[ \\t])?|"(?:AUTH|auth)" (?:"[^"\\s]{1,64}" )?")(?!default[ \\t]))([^\\s"'\\\\=]{6,128})${END}`,
  "g",
);
const NICKSERV = /(\bIDENTIFY (?:[^\s"'\\]{1,32} )?)([^\s"'\\]{6,128})/g;

function isGiven(secret: string): boolean {
  return isSecretValue(secret, "password", "assigned", false);
}

export function replaceDialogueSecrets(text: string): string {
  const unlikeWord = (whole: string, before: string, secret: string): string =>
    !secret.startsWith("[redacted:") && isUnlikeWord(secret, "password") ? before + NAMED_SECRET : whole;
  const encoded = (whole: string, before: string, secret: string): string =>
    /^[A-Z]?[a-z]+$/.test(secret) ? whole : before + NAMED_SECRET;
  const hasUser = HAS_USER.test(text);
  return text
    .replace(SENT, (whole: string, before: string, secret: string, at: number) => {
      const isAsked = ASKED.test(text.slice(Math.max(0, at - 120), at));
      if (isAsked) return isGiven(secret) ? before + NAMED_SECRET : whole;
      return looksGenerated(secret) || /[!@#%^&*?]/.test(secret) ? unlikeWord(whole, before, secret) : whole;
    })
    .replace(PASS, (whole: string, before: string, sign: string | undefined, secret: string) =>
      (hasUser || sign !== undefined) && isGiven(secret) ? before + NAMED_SECRET : whole,
    )
    .replace(FTP_USER, (whole: string, before: string, secret: string) =>
      /\bftp\b/.test(text) ? unlikeWord(whole, before, secret) : whole,
    )
    .replace(SASL, encoded)
    .replace(ASKED_IN_BASE64, encoded)
    .replace(IMAP, (whole: string, before: string, secret: string) => (isGiven(secret) ? before + NAMED_SECRET : whole))
    .replace(REDIS, unlikeWord)
    .replace(NICKSERV, unlikeWord);
}
