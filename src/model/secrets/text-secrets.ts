/** Replaces the secrets in one string. */
import { LiteralSet } from "../../lib/literal-set.ts";
import { TrigramFilter } from "../../lib/trigram-filter.ts";
import { PGPASS_LITERALS, replaceHostPasswords, replacePgpass } from "./host-passwords.ts";
import {
  MANIFEST_LITERALS,
  replaceEncoded,
  replaceManifestSecrets,
  replaceSensitiveValues,
  SENSITIVE_LITERALS,
} from "./manifest-secrets.ts";
import { NAME_LITERALS, replaceNamedValues } from "./named-values.ts";
import { PRIVATE_KEY_LITERALS, replacePrivateKeys } from "./private-keys.ts";
import { literalsOf, VOCABULARY } from "./secret-literals.ts";
import {
  AUTH_LITERALS,
  AUTHORIZATION_LITERALS,
  CURL_LITERALS,
  JWK_LITERALS,
  replaceAuthorizations,
  replaceAuths,
  replaceCurlUsers,
  replaceJwkMembers,
} from "./statements/authorizations.ts";
import { COMMAND_LITERALS, replaceCommandSecrets } from "./statements/command-secrets.ts";
import { replaceTokens, TOKEN_LITERALS } from "./token-forms.ts";
import { replaceUrlPasswords, URL_PASSWORD_LITERALS } from "./url-passwords.ts";

/** Applied in this order, each when one of its literals occurs. */
const SEARCHES: readonly { readonly literals: readonly string[]; replace(text: string): string }[] = [
  { literals: PRIVATE_KEY_LITERALS, replace: replacePrivateKeys },
  { literals: MANIFEST_LITERALS, replace: replaceManifestSecrets },
  { literals: URL_PASSWORD_LITERALS, replace: replaceUrlPasswords },
  { literals: AUTHORIZATION_LITERALS, replace: replaceAuthorizations },
  { literals: AUTH_LITERALS, replace: replaceAuths },
  { literals: SENSITIVE_LITERALS, replace: replaceSensitiveValues },
  { literals: COMMAND_LITERALS, replace: replaceCommandSecrets },
  { literals: PGPASS_LITERALS, replace: replacePgpass },
  { literals: CURL_LITERALS, replace: replaceCurlUsers },
  { literals: JWK_LITERALS, replace: replaceJwkMembers },
];
const NAMES = TOKEN_LITERALS.length + SEARCHES.length;

const GROUPS = [...TOKEN_LITERALS, ...SEARCHES.map(({ literals }) => literals), NAME_LITERALS];
const LITERALS = GROUPS.flatMap((literals, group) =>
  literals.map((literal) => ({ text: literal.replace(/^\^/, ""), group, atBoundary: literal.startsWith("^") })),
);

/** Built when it is first needed: it takes some milliseconds at the start of a process. */
function lazySecrets(): () => LiteralSet {
  let secrets: LiteralSet | null = null;
  return () => {
    secrets ??= new LiteralSet(LITERALS);
    return secrets;
  };
}

const secretLiterals = lazySecrets();

/** Usual words beside Prefect's own, to choose what `TrigramFilter` looks for. */
const ORDINARY = `${VOCABULARY} finished in state created by schedule late error failure success attempt retries data class table count rows report daily nightly pipeline worker slots pass test asia-east entrypoint infrastructure configuration access path module queue heartbeat token bearer`;

/** A replacement can complete another secret, so the text is read until nothing changes. */
const MAX_ROUNDS = 8;

/** Texts in base64 can hold such texts again, as in a Secret of Kubernetes with a configuration of Docker. */
const MAX_ENCODINGS = 2;

/** `credentials`: as configured. */
export function createTextRedactor(credentials: readonly string[]): (text: string) => string {
  const configured = literalsOf(credentials);
  const filter = new TrigramFilter([...LITERALS.map(({ text }) => text), ...configured.forms], ORDINARY);
  const inText = (text: string, depth: number): string => {
    const hasLiteral = filter.mayHave(text);
    const hasHost = text.includes("@");
    let before = text;
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      let after = hasLiteral || round > 0 ? replaceOnce(configured.replace(before)) : before;
      if (hasHost) after = replaceHostPasswords(after);
      if (depth > 0) after = replaceEncoded(after, (inner) => inText(inner, depth - 1));
      if (after === before) break;
      before = after;
    }
    return before;
  };
  return (text) => (text.length < 4 ? text : inText(text, MAX_ENCODINGS));
}

function replaceOnce(text: string): string {
  const occurrences = secretLiterals().occurrencesIn(text);
  if (occurrences.length === 0) return text;
  let clean = text;
  const groups = new Set(occurrences.map(({ group }) => group));
  const [keys, ...others] = SEARCHES.entries();
  for (const [index, search] of keys ? [keys] : [])
    if (groups.has(TOKEN_LITERALS.length + index)) clean = search.replace(clean);
  clean = replaceTokens(clean, clean === text ? occurrences : secretLiterals().occurrencesIn(clean));
  for (const [index, search] of others) if (groups.has(TOKEN_LITERALS.length + index)) clean = search.replace(clean);
  if (!groups.has(NAMES)) return clean;
  const now = clean === text ? occurrences : secretLiterals().occurrencesIn(clean);
  return replaceNamedValues(
    clean,
    now.filter(({ group }) => group === NAMES),
  );
}
