/** Replaces passwords that a shell writes to a program: `echo … | sudo -S`, `docker login --password-stdin <<< …`. */
import { NAMED_SECRET } from "../words/redaction-mark.ts";
import { isSecretValue, looksGenerated } from "../words/secret-values.ts";

/** One of these is in every text that `replacePipedSecrets` changes. */
export const PIPED_LITERALS: readonly string[] =
  "sudo secret chpasswd --password-stdin --passphrase-fd --with-token cryptsetup --stdin smbpasswd passwd"
    .split(" ")
    .concat(" kinit", "<<<");

/** Programs that read a password from their input. */
const PROGRAM =
  "(?:sudo[ \\t](?:[^|;\\n]{0,60}[ \\t])?-[A-Zk]{0,3}S\\b|[^|;\\n]{0,100}(?:--password-stdin|--passphrase-fd|--with-token|--stdin)\\b|(?:sudo[ \\t]{1,4})?(?:chpasswd|kinit|cryptsetup|smbpasswd|passwd)\\b|[a-z-]{2,20}[ \\t]{1,4}secrets?[ \\t]{1,4}(?:set|put|create|add)\\b)";
const READER = new RegExp(`^[ \\t]{0,4}${PROGRAM}`);
const READER_BEFORE = new RegExp(`(?:^|[ \\t'"])${PROGRAM}`);
const TEXT = "([\"'])?((?<=[\"'])[^\"'\\n]{1,200}(?=[\"'])|(?<![\"'])[^\\s\"'|;&<>]{1,200})[\"']?";
/** 1: up to the text, 2: its quote, 3: the text. */
const WRITTEN = new RegExp(
  `(\\b(?:echo|printf)[ \\t]{1,4}(?:-[neE]{1,3}[ \\t]{1,4}){0,2}(?:["']?%s(?:\\\\{1,8}n)?["']?[ \\t]{1,4})?)${TEXT}(?=[ \\t]{0,4}\\|)`,
  "g",
);
const HERE = new RegExp(`(<<<[ \\t]{0,4})${TEXT}`, "g");

/** `user:` before each password that `chpasswd` reads. */
const USER = /^[A-Za-z_][\w.-]{0,40}:(?=.)/;

function hide(text: string, pattern: RegExp, isRead: (from: number, to: number) => boolean): string {
  return text.replace(
    pattern,
    (whole: string, before: string, _quote: string | undefined, word: string, at: number) => {
      const user = USER.exec(word)?.[0] ?? "";
      const secret = word.slice(user.length);
      const isSecret = secret.length >= 3 && isSecretValue(secret, "password", "assigned", false);
      if (!isSecret || !isRead(at, at + whole.length)) return whole;
      return before + whole.slice(before.length).replace(word, () => user + NAMED_SECRET);
    },
  );
}

export function replacePipedSecrets(text: string): string {
  const piped = text.includes("|")
    ? hide(text, WRITTEN, (_, to) => READER.test(text.slice(to, to + 200).replace(/^[ \t]{0,4}\|/, "")))
    : text;
  if (!piped.includes("<<<")) return piped;
  return hide(piped, HERE, (from, to) => {
    if (looksGenerated(piped.slice(from, to).replace(/^<{3}[ \t]{0,4}["']?|["']$/g, ""))) return true;
    const line = piped.slice(Math.max(0, from - 160), from);
    return READER_BEFORE.test(
      line.slice(Math.max(line.lastIndexOf("\n"), line.lastIndexOf(";"), line.lastIndexOf("|")) + 1),
    );
  });
}
