/** Replaces credentials after the name of an authentication scheme, users of curl, and the private parts of JSON web keys. */
import { NAMED_SECRET, redactionMark } from "../words/redaction-mark.ts";

/** One of these is in every text that `replaceAuthorizations` changes. */
export const AUTHORIZATION_LITERALS: readonly string[] = ["bearer", "basic"];
export const CURL_LITERALS: readonly string[] = ["curl"];
export const JWK_LITERALS: readonly string[] = ["kty"];
export const SECURE_STRING_LITERALS: readonly string[] = ["securestring"];
export const DIGEST_LITERALS: readonly string[] = ["nonce"];
export const AUTH_LITERALS: readonly string[] = ["auth", "credential", "creds", "login("];

/** Long, or with a digit: "Bearer authentication" is not a token. */
function isToken(word: string): boolean {
  return word.length >= 20 || (word.length >= 8 && /\d/.test(word));
}

/** `user:password` in base64. */
export function isBasicCredential(word: string): boolean {
  try {
    const plain = atob(word.replace(/={1,2}$/, ""));
    return plain.includes(":") && /^[\x20-\x7e]*$/.test(plain);
  } catch {
    return false;
  }
}

const AUTHORIZATION = /\b(bearer|basic)(\s+|%20|\+)([A-Za-z0-9._~+/-]+={0,2})/gi;

export function replaceAuthorizations(text: string): string {
  return text.replace(AUTHORIZATION, (whole, scheme: string, space: string, word: string) => {
    const isBasic = scheme.toLowerCase() === "basic";
    if (!(isBasic ? isBasicCredential(word) : isToken(word))) return whole;
    return `${scheme}${space}${redactionMark(isBasic ? "basic-credentials" : "bearer-token")}`;
  });
}

const CURL_USER =
  /(\s(?:-u|--user|--proxy-user|-U)(?:\s{1,4}|=)?\\{0,8}["']?[^\s:"'/\\]{1,64}:)(?!\[redacted:)([^\s"'\\]{1,256})/g;

export function replaceCurlUsers(text: string): string {
  return text.replace(CURL_USER, `$1${redactionMark("basic-credentials")}`);
}

/** `"auth": "…"` of `.docker/config.json`, `_auth=…` of `.npmrc`. */
const AUTH_FIELD =
  /(\bauth\\{0,8}["']\s{0,8}:\s{0,8}\\{0,8}["']|\b_auth\s{0,4}=\s{0,4}["']?)([A-Za-z0-9+/]{8,4096}={0,2})/g;
/** Two arguments in Python: `auth=("user", "password")`, `HTTPBasicAuth("user", "password")`. */
const USER_AND_PASSWORD =
  /(\b(?:\w{0,40}(?:auth|authentication|authprovider|authenticator|credentials?)|creds|login)\s{0,4}=?\s{0,4}\(\s{0,20}\\{0,8}["'][^"'\n\\]{0,128}\\{0,8}["'],\s{0,20}\\{0,8}["'])(?!\[redacted:)([^"'\n\\]{1,256})(?=\\{0,8}["']\s{0,20}[,)])/gi;

export function replaceAuths(text: string): string {
  const isDocker = /\bauths\\{0,8}["']/.test(text);
  const field = text.replace(AUTH_FIELD, (whole, before: string, word: string) =>
    isDocker || before.includes("_auth") || isBasicCredential(word)
      ? before + redactionMark("basic-credentials")
      : whole,
  );
  return field.replace(USER_AND_PASSWORD, `$1${redactionMark("basic-credentials")}`);
}

/** https://learn.microsoft.com/powershell/module/microsoft.powershell.security/convertto-securestring */
const SECURE_STRING =
  /(\bSecureString(?:\s{1,4}-(?:String|AsPlainText|Force)){0,3}[\s(]{1,4}\\{0,8}["'])(?!\[redacted:)([^"'\n\\$]{1,256})(?=\\{0,8}["'])/gi;
const BARE_SECURE_STRING =
  /(\bConvertTo-SecureString(?:\s{1,4}-(?:String|AsPlainText|Force)){0,3}\s{1,4})(?![-$([])([^\s"'\\$]{3,256})/gi;

export function replaceSecureStrings(text: string): string {
  return text.replace(SECURE_STRING, `$1${NAMED_SECRET}`).replace(BARE_SECURE_STRING, `$1${NAMED_SECRET}`);
}

/** The answer to a challenge can be tried against passwords: https://www.rfc-editor.org/rfc/rfc7616#section-3.4.1 */
const DIGEST_RESPONSE = /(\bresponse\s{0,4}[=:]\s{0,4}\\{0,8}["']?)([0-9a-f]{64}|[0-9a-f]{32})(?![0-9a-f])/gi;

export function replaceDigests(text: string): string {
  return text.replace(DIGEST_RESPONSE, `$1${redactionMark("digest-response")}`);
}

/** Members of a private key: https://www.rfc-editor.org/rfc/rfc7518#section-6 */
const PRIVATE_MEMBER = /(\\{0,8}["'](?:d|p|q|dp|dq|qi|k)\\{0,8}["']\s{0,8}:\s{0,8}\\{0,8}["'])([A-Za-z0-9_-]{16,})/g;
export const JWK_MEMBERS: ReadonlySet<string> = new Set(["d", "p", "q", "dp", "dq", "qi", "k"]);
export const JWK_SECRET = redactionMark("private-key");

export function replaceJwkMembers(text: string): string {
  return text.replace(PRIVATE_MEMBER, `$1${JWK_SECRET}`);
}
