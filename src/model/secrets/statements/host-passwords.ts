/** Replaces passwords before a host without a scheme: `user:password@host`, `user/password@host` of Oracle, and lines of `.pgpass`. */
import { redactionMark } from "../words/redaction-mark.ts";
import { looksGenerated, looksRandom } from "../words/secret-values.ts";

const MARK = redactionMark("url-password");

const HOST =
  "(?:localhost|(?:[A-Za-z0-9_-]{1,63}\\.){1,10}[A-Za-z0-9-]{1,63}|[A-Za-z0-9_-]{1,63}(?=:\\d{2,5}\\b)|tcp\\(|unix\\()";
/** 1: the user, 2: the password, 3: the host, 4: its port or what begins a path. */
const USER_HOST = new RegExp(
  `(?<![A-Za-z0-9_./@%+:-])([A-Za-z_][A-Za-z0-9_.-]{0,63}):(?!//)([^\\s:@/"'\`<>()\\[\\]{},;]{3,128})@(?=(${HOST})(:\\d{2,5}\\b|/)?)`,
  "g",
);
/** https://docs.oracle.com/en/database/oracle/oracle-database/23/netag/configuring-naming-methods.html (Easy Connect) */
const ORACLE = new RegExp(
  `((?:\\bsqlplus\\s{1,4}(?:-\\w{1,3}\\s{1,4}){0,3}|\\boracle:thin:|\\b(?:expdp|impdp|sqlldr|rman)\\s{1,4}|(?<![A-Za-z0-9_./@-]))[A-Za-z][A-Za-z0-9_$#]{0,63}/)([^\\s/@"'\`<>\\\\]{4,128})(?=@(?://)?${HOST}(?::\\d{2,5}\\b|/))`,
  "g",
);
/** https://www.postgresql.org/docs/current/libpq-pgpass.html */
const PGPASS =
  /(?<=^|[\n"'`]|\\n)((?:\*|localhost|[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63}){0,10}):(?:\*|543[23]|5439|6432):[^:\s]{1,64}:[^:\s]{1,64}:)([^\s"'`]{3,128})/g;
/** What precedes a mail address, not a password. */
const LABEL =
  /^(?:e?-?mails?|mailto|to|from|cc|bcc|users?|username|login|account|acct|sips?|xmpp|owner|author|assignee|contact|sender|recipient|reply-to|created_by|updated_by|by|git|docker|image|sha\d{3})$/i;

/** One of these is in every text that `replacePgpass` changes. */
export const PGPASS_LITERALS: readonly string[] = [":*:", ":5432:", ":5433:", ":5439:", ":6432:"];

export function replacePgpass(text: string): string {
  return text.replace(PGPASS, (whole, before: string, password: string) =>
    password.startsWith("[redacted") || !looksRandom(password, 6) ? whole : before + MARK,
  );
}

/** Changes only texts with "@". */
export function replaceHostPasswords(text: string): string {
  const clean = text.replace(USER_HOST, (whole, user: string, password: string, host: string, after = "") => {
    if (password.startsWith("[redacted")) return whole;
    const isAddress = after !== "" || host.endsWith("(");
    const isSecret = LABEL.test(user) || !isAddress ? looksGenerated(password) : looksRandom(password, 4);
    return isSecret ? `${user}:${MARK}@` : whole;
  });
  return clean.replace(ORACLE, (whole, before: string, password: string) =>
    /^\[redacted/.test(password) ||
    !(/^(?:sqlplus|expdp|impdp|sqlldr|rman)\s|thin:/.test(before) || looksRandom(password, 6))
      ? whole
      : before + MARK,
  );
}
