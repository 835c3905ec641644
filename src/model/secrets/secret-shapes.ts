/**
 * Finds strings in the form of a secret. Every pattern takes time linear in the text, because anybody may write log lines. `hint` is
 * a cheap test: it matches in every text that contains such a secret, and in some others. It has no look-behind, with which the
 * combined test of all hints would be slow.
 */
export interface SecretShape {
  readonly kind: string;
  /** Source of a regular expression that matches somewhere in every text that `replace` changes. */
  readonly hint: string;
  replace(text: string): string;
}

export const REDACTION_MARK = /\[redacted:[a-z0-9-]+\]/;

export function redactionMark(kind: string): string {
  return `[redacted:${kind}]`;
}

function plain(kind: string, hint: string, pattern: RegExp): SecretShape {
  const mark = redactionMark(kind);
  return { kind, hint, replace: (text) => text.replace(pattern, mark) };
}

/** Replaces whole keys; of a key without footer, all that looks like a part of it (with escaped line breaks). */
function replacePrivateKeys(text: string): string {
  const header = /-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----/g;
  const footer = /-----END [A-Z0-9 ]{1,60}-----/g;
  const body = /[A-Za-z0-9+/=\s\\:,]*/y;
  let result = "";
  let done = 0;
  let hasFooter = true;
  for (let match = header.exec(text); match; match = header.exec(text)) {
    result += text.slice(done, match.index) + redactionMark("private-key");
    footer.lastIndex = header.lastIndex;
    hasFooter &&= footer.test(text);
    body.lastIndex = header.lastIndex;
    if (!hasFooter) body.test(text);
    done = hasFooter ? footer.lastIndex : body.lastIndex;
    header.lastIndex = done;
  }
  return done === 0 ? text : result + text.slice(done);
}

const URL_PASSWORD = /(:\/\/(?:\[redacted:[a-z0-9-]+\]|[^\s/?#@:[\]]*):)([^\s/?#"'<>]+)@/g;

function replaceUrlPasswords(text: string): string {
  return text.replace(URL_PASSWORD, `$1${redactionMark("url-password")}@`);
}

/** Long, or with a digit: "Bearer authentication" is not a token. */
function isToken(word: string): boolean {
  return word.length >= 20 || (word.length >= 8 && /\d/.test(word));
}

function isBasicCredential(word: string): boolean {
  try {
    return /^[\x20-\x7e]*:[\x20-\x7e]*$/.test(atob(word.replace(/=+$/, "")));
  } catch {
    return false;
  }
}

const AUTHORIZATION = /\b(bearer|basic)(\s+)([A-Za-z0-9._~+/-]+={0,2})/gi;

function replaceAuthorizations(text: string): string {
  return text.replace(AUTHORIZATION, (whole, scheme: string, space: string, word: string) => {
    const isBasic = scheme.toLowerCase() === "basic";
    if (!(isBasic ? isBasicCredential(word) : isToken(word))) return whole;
    return `${scheme}${space}${redactionMark(isBasic ? "basic-credentials" : "bearer-token")}`;
  });
}

/** Applied in this order. */
export const SECRET_SHAPES: readonly SecretShape[] = [
  { kind: "private-key", hint: "-----BEGIN ", replace: replacePrivateKeys },
  plain(
    "prefect-api-key",
    "pn[uba]_[A-Za-z0-9]{8}",
    /pn[uba]_(?:[A-Za-z0-9]{20,}|(?=[A-Za-z]{0,20}\d)[A-Za-z0-9]{8,})/g,
  ),
  plain("aws-access-key-id", "A[KS]IA[A-Z0-9]{16}", /(?<![A-Za-z0-9])A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])/g),
  plain(
    "github-token",
    "gh[pousr]_[A-Za-z0-9]{16}|github_pat_[A-Za-z0-9_]{16}",
    /gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,}/g,
  ),
  plain("gitlab-token", "glpat-[A-Za-z0-9_-]{16}", /glpat-[A-Za-z0-9_-]{16,}/g),
  plain("slack-token", "xox[a-z]-[A-Za-z0-9-]{8}", /xox[a-z]-[A-Za-z0-9-]{8,}/g),
  plain(
    "slack-webhook",
    "hooks\\.slack\\.com/(?:services|workflows)/.",
    /(?<=hooks\.slack\.com\/(?:services|workflows)\/)[A-Za-z0-9/_-]+/g,
  ),
  plain("google-api-key", "AIza[A-Za-z0-9_-]{30}", /AIza[A-Za-z0-9_-]{30,}/g),
  plain(
    "google-oauth-token",
    "GOCSPX-[A-Za-z0-9_-]{20}|ya29\\.[A-Za-z0-9_-]{20}",
    /GOCSPX-[A-Za-z0-9_-]{20,}|ya29\.[A-Za-z0-9_-]{20,}/g,
  ),
  plain(
    "ai-api-key",
    "sk-[A-Za-z0-9]{20}|sk-(?:ant|proj|svcacct|admin|or)-[A-Za-z0-9_-]{12}",
    /(?<![A-Za-z0-9])sk-(?:[A-Za-z0-9]{20,}|(?:ant|proj|svcacct|admin|or)-[A-Za-z0-9_-]{12,})/g,
  ),
  plain(
    "stripe-key",
    "[sr]k_(?:live|test)_[A-Za-z0-9]{10}|whsec_[A-Za-z0-9+/]{20}",
    /(?<![A-Za-z0-9])[sr]k_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/]{20,}={0,2}/g,
  ),
  plain(
    "access-token",
    "(?:npm|hf)_[A-Za-z0-9]{30}|dckr_pat_[A-Za-z0-9_-]{20}|pypi-AgE[A-Za-z0-9_-]{20}|dapi[0-9a-f]{32}",
    /(?<![A-Za-z0-9])(?:(?:npm|hf)_[A-Za-z0-9]{30,}|dckr_pat_[A-Za-z0-9_-]{20,}|pypi-AgE[A-Za-z0-9_-]{20,}|dapi[0-9a-f]{32})/g,
  ),
  plain(
    "azure-key",
    "Access(?:Signature|Key)=|AccountKey=",
    /(?<=(?:AccountKey|SharedAccessKey|SharedAccessSignature)=)[A-Za-z0-9+/%]{20,}={0,2}/g,
  ),
  plain(
    "jwt",
    "eyJ[A-Za-z0-9_-]{8}",
    /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+){0,2}/g,
  ),
  { kind: "url-password", hint: ":\\/\\/[^\\s/?#@]*@", replace: replaceUrlPasswords },
  {
    kind: "authorization",
    hint: "[Bb](?:[Ee][Aa][Rr][Ee][Rr]|[Aa][Ss][Ii][Cc])\\s+[A-Za-z0-9._~+/-]{4}",
    replace: replaceAuthorizations,
  },
];

/** Secret keys of AWS have no prefix: they are recognized by 40 characters of mixed case (unlike a hash), in a value with a key id. */
const AWS_SECRET =
  /(?<![A-Za-z0-9+/=])(?=[A-Za-z0-9+/]*[A-Z])(?=[A-Za-z0-9+/]*[a-z])[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=])/g;

export function replaceAwsSecrets(text: string): string {
  return text.length < 40 ? text : text.replace(AWS_SECRET, redactionMark("aws-secret-key"));
}

const SECRET_WORDS: ReadonlySet<string> = new Set(
  "password passwd pwd passphrase passcode token tokens secret secrets key keys apikey accesskey private credential credentials authorization cookie pat dsn signature".split(
    " ",
  ),
);

/** Whether a field or header with this name probably holds a secret, by the words in it (`apiKey`, `x-api-key`). */
export function isSecretName(name: string): boolean {
  const words = name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toLowerCase();
  return (
    /password|secret|connection_?string/.test(words) || words.split(/[^a-z0-9]+/).some((word) => SECRET_WORDS.has(word))
  );
}
