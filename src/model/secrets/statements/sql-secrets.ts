/** Replaces passwords that statements of SQL name by their position: `sp_addlogin 'user', '…'`, `PRAGMA key = '…'`. */
import { NAMED_SECRET } from "../words/redaction-mark.ts";

/** One of these is in every text that `replaceSqlSecrets` changes. */
export const SQL_LITERALS: readonly string[] = [
  "sp_addlogin",
  "sp_password",
  "sp_addlinkedsrvlogin",
  "sp_addremotelogin",
  "pragma key",
  "pragma rekey",
  "pragma hexkey",
  "attach ",
  "pgp_sym_",
  "aes_encrypt",
  "aes_decrypt",
  ".logon ",
  "openrowset",
];

const QUOTE = "\\\\{0,8}[\"']";
const GIVEN = `(?:@\\w{1,40}[ \\t]{0,4}=[ \\t]{0,4})?N?`;
const OTHER = `(?:${GIVEN}(?:${QUOTE}[^"'\\\\\\n]{0,128}${QUOTE}|\\w{1,40})[ \\t]{0,4},[ \\t]{0,4})`;
const SECRET = `(?!\\[redacted:)([^"'\\\\\\n]{1,256})(?=${QUOTE})`;
const statement = (before: string) => new RegExp(`(\\b${before})${SECRET}`, "gi");

/** 1: up to the secret. */
const STATEMENTS: readonly RegExp[] = [
  // https://learn.microsoft.com/sql/relational-databases/system-stored-procedures/sp-addlogin-transact-sql
  statement(`sp_addlogin[ \\t(]{1,4}${OTHER}${GIVEN}${QUOTE}`),
  statement(`sp_password[ \\t(]{1,4}${GIVEN}${QUOTE}`),
  statement(`sp_password[ \\t(]{1,4}${OTHER}${GIVEN}${QUOTE}`),
  statement(`sp_add(?:linkedsrv|remote)login[ \\t(]{1,4}${OTHER}{4}${GIVEN}${QUOTE}`),
  // https://www.zetetic.net/sqlcipher/sqlcipher-api/
  statement(`pragma[ \\t]{1,4}(?:hex)?(?:re)?key[ \\t]{0,4}=[ \\t]{0,4}(?:"x)?${QUOTE}`),
  statement(
    `attach[ \\t]{1,4}(?:database[ \\t]{1,4})?${QUOTE}[^"'\\\\\\n]{0,256}${QUOTE}[ \\t]{1,4}as[ \\t]{1,4}\\w{1,64}[ \\t]{1,4}key[ \\t]{1,4}${QUOTE}`,
  ),
  // https://www.postgresql.org/docs/current/pgcrypto.html, https://dev.mysql.com/doc/refman/8.4/en/encryption-functions.html
  statement(`(?:pgp_sym_(?:en|de)crypt(?:_bytea)?|aes_(?:en|de)crypt)\\([^()\\n]{1,200},[ \\t]{0,4}${QUOTE}`),
];
/** https://learn.microsoft.com/sql/t-sql/functions/openrowset-transact-sql */
const ROWSET =
  /(\bopenrowset\s{0,4}\(\s{0,8}N?'[^'\n]{1,80}'\s{0,4},\s{0,8}N?'[^'\n]{0,120}'\s{0,4};\s{0,4}'[^'\n]{1,80}'\s{0,4};\s{0,4}')(?!\[redacted:)([^'\n]{1,128})(?=')/gi;
/** `.LOGON host/user,password` of Teradata. */
const LOGON = /(\.logon[ \t]{1,4}[\w.-]{1,128}\/[\w.-]{1,64},)(?!\[redacted:)([^\s"'\\;]{3,128})/gi;

export function replaceSqlSecrets(text: string): string {
  const clean = STATEMENTS.reduce((one, pattern) => one.replace(pattern, `$1${NAMED_SECRET}`), text);
  return clean.replace(LOGON, `$1${NAMED_SECRET}`).replace(ROWSET, `$1${NAMED_SECRET}`);
}
