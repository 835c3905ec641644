/** Replaces the secrets in one string. */
import { lazily } from "../../lib/lazily.ts";
import { LiteralSet, type Occurrence } from "../../lib/literal-set.ts";
import { TrigramFilter } from "../../lib/trigram-filter.ts";
import {
  hasEncodedText,
  MANIFEST_LITERALS,
  replaceEncoded,
  replaceManifestSecrets,
  replaceSensitiveValues,
  SENSITIVE_LITERALS,
} from "./manifest-secrets.ts";
import { NAME_LITERALS } from "./name-in-text.ts";
import { replaceNamedValues } from "./named-values.ts";
import { PRIVATE_KEY_LITERALS, replacePrivateKeys } from "./private-keys.ts";
import { hasEncoding, replaceColoured, replaceEscaped, replacePercentEncoded } from "./readable-text.ts";
import { literalsOf, VOCABULARY } from "./secret-literals.ts";
import {
  AUTH_LITERALS,
  AUTHORIZATION_LITERALS,
  CURL_LITERALS,
  DIGEST_LITERALS,
  JWK_LITERALS,
  replaceAuthorizations,
  replaceAuths,
  replaceCurlUsers,
  replaceDigests,
  replaceJwkMembers,
  replaceSecureStrings,
  SECURE_STRING_LITERALS,
} from "./statements/authorizations.ts";
import { COMMAND_LITERALS, replaceCommandSecrets } from "./statements/command-secrets.ts";
import { DEVICE_LITERALS, replaceDeviceSecrets } from "./statements/device-secrets.ts";
import { DIALOGUE_LITERALS, replaceDialogueSecrets } from "./statements/dialogue-secrets.ts";
import { replaceForeignNamed } from "./statements/foreign-names.ts";
import { PGPASS_LITERALS, replaceHostPasswords, replacePgpass } from "./statements/host-passwords.ts";
import { PIPED_LITERALS, replacePipedSecrets } from "./statements/piped-secrets.ts";
import { replaceSqlSecrets, SQL_LITERALS } from "./statements/sql-secrets.ts";
import { replaceColumns } from "./statements/table-secrets.ts";
import { PAIR_LITERALS, replaceUserPairs } from "./statements/user-pairs.ts";
import { replaceTokens, TOKEN_LITERALS } from "./token-forms.ts";
import { replaceUrlPasswords, URL_PASSWORD_LITERALS } from "./url-passwords.ts";

interface Search {
  readonly literals: readonly string[];
  replace(text: string): string;
}

/** Applied in this order, each when one of its literals occurs. Tokens are replaced after the first one. At most 31. */
const SEARCHES: readonly Search[] = [
  { literals: PRIVATE_KEY_LITERALS, replace: replacePrivateKeys },
  { literals: MANIFEST_LITERALS, replace: replaceManifestSecrets },
  { literals: URL_PASSWORD_LITERALS, replace: replaceUrlPasswords },
  { literals: AUTHORIZATION_LITERALS, replace: replaceAuthorizations },
  { literals: AUTH_LITERALS, replace: replaceAuths },
  { literals: SENSITIVE_LITERALS, replace: replaceSensitiveValues },
  { literals: COMMAND_LITERALS, replace: replaceCommandSecrets },
  { literals: PIPED_LITERALS, replace: replacePipedSecrets },
  { literals: DIALOGUE_LITERALS, replace: replaceDialogueSecrets },
  { literals: PAIR_LITERALS, replace: replaceUserPairs },
  { literals: DEVICE_LITERALS, replace: replaceDeviceSecrets },
  { literals: SQL_LITERALS, replace: replaceSqlSecrets },
  { literals: PGPASS_LITERALS, replace: replacePgpass },
  { literals: CURL_LITERALS, replace: replaceCurlUsers },
  { literals: DIGEST_LITERALS, replace: replaceDigests },
  { literals: SECURE_STRING_LITERALS, replace: replaceSecureStrings },
  { literals: JWK_LITERALS, replace: replaceJwkMembers },
];
const NAMES = TOKEN_LITERALS.length + SEARCHES.length;

const GROUPS = [...TOKEN_LITERALS, ...SEARCHES.map(({ literals }) => literals), NAME_LITERALS];
const LITERALS = GROUPS.flatMap((literals, group) =>
  literals.map((literal) => ({ text: literal.replace(/^\^/, ""), group, atBoundary: literal.startsWith("^") })),
);

/** Takes some milliseconds. */
const secretLiterals = lazily(() => new LiteralSet(LITERALS));

/** Usual words beside Prefect's own, to choose what `TrigramFilter` looks for. */
const ORDINARY = `${VOCABULARY} finished in state created by schedule late error failure success attempt retries data class table count rows report daily nightly pipeline worker slots pass test asia-east entrypoint infrastructure configuration access path module queue heartbeat token bearer expected_start_time cache_expiration payload initial_state definitions time_unit untrackable_result backfill whimsical request required response parameters input_type inputs active reactive kitchen exchanges pages health_check capacity charge 24db2a acquire unable enabled catalog 7za8 users chapter fetch keepalive accc cced ces_c loss pass_code success_count written submitting`;

/** One for all redactors of a process, whose credentials differ. */
const literalFilter = lazily(
  () =>
    new TrigramFilter(
      LITERALS.map(({ text }) => text),
      ORDINARY,
      true,
    ),
);

/** A replacement can complete another secret, so the text is read until nothing changes. */
const MAX_ROUNDS = 8;

/** Texts in base64 can hold such texts again, as in a Secret of Kubernetes with a configuration of Docker. */
const MAX_ENCODINGS = 2;

/** JSON inside a string of JSON, as a container's log writes an answer of a service. */
const MAX_ESCAPES = 3;

/** `credentials`: as configured. `createInertCheck` has to know what each of the replacements begins with. */
export function createTextRedactor(credentials: readonly string[]): (text: string) => string {
  const configured = literalsOf(credentials);
  let filter: TrigramFilter | null = null;
  const inText = (text: string, depth: number): string => {
    filter ??= literalFilter().extended(configured.forms);
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
  const inPlainText = (text: string): string => inText(text, MAX_ENCODINGS);
  const inReadable = (text: string): string =>
    inPlainText(replacePercentEncoded(replaceColoured(text, inPlainText), inPlainText));
  const inEscaped = (text: string, depth: number): string => {
    const clean = inReadable(text);
    return depth === 0 ? clean : replaceEscaped(clean, (inner) => inEscaped(inner, depth - 1));
  };
  const inAll = (text: string): string => {
    let before = text;
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const after = inEscaped(before, MAX_ESCAPES);
      if (after === before || !after.includes("\\")) return after;
      before = after;
    }
    return before;
  };
  return (text) => (text.length < 4 ? text : inAll(text));
}

/** URLs without a password are usual in answers. What `replaceUrlPasswords` needs beside one of its literals, in ASCII without "@". */
const URLS = TOKEN_LITERALS.length + SEARCHES.findIndex(({ replace }) => replace === replaceUrlPasswords);
const MAY_END_PASSWORD = /u0040|&p=/i;

/**
 * Whether lines are inert: no search finds anything in them that its replacements begin with, so they stay the same whatever lines are
 * before and after them. A text of which all parts are inert stays the same, because what the searches look for is within one line.
 */
export function createInertCheck(credentials: readonly string[]): (lines: string) => boolean {
  const configured = literalsOf(credentials);
  const isWithinLines = ![...LITERALS.map(({ text }) => text), ...configured.forms].some((text) => text.includes("\n"));
  return (lines) =>
    isWithinLines &&
    !NOT_ASCII.test(lines) &&
    !lines.includes("@") &&
    !hasEncoding(lines) &&
    !hasEncodedText(lines) &&
    secretLiterals()
      .occurrencesIn(lines)
      .every(({ group }) => group === URLS) &&
    !MAY_END_PASSWORD.test(lines) &&
    configured.replace(lines) === lines;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: everything but ASCII is meant.
const NOT_ASCII = /[^\x00-\x7f]/;

/** By search: whether one of its literals occurs. */
function neededSearches(occurrences: readonly Occurrence[]): number {
  let needed = 0;
  for (const { group } of occurrences)
    if (group >= TOKEN_LITERALS.length && group < NAMES) needed |= 1 << (group - TOKEN_LITERALS.length);
  return needed;
}

const HAS_BREAK = /\n|\\n/;

function namesIn(text: string): readonly Occurrence[] {
  return secretLiterals()
    .occurrencesIn(text)
    .filter(({ group }) => group === NAMES);
}

function replaceOnce(text: string): string {
  const occurrences = secretLiterals().occurrencesIn(text);
  if (occurrences.length === 0) return NOT_ASCII.test(text) ? replaceForeignNamed(text) : text;
  const needed = neededSearches(occurrences);
  let clean = (needed & 1) === 1 ? replacePrivateKeys(text) : text;
  clean = replaceTokens(clean, clean === text ? occurrences : secretLiterals().occurrencesIn(clean));
  let rest = needed >> 1;
  for (let index = 1; rest !== 0; index += 1, rest >>= 1)
    if ((rest & 1) === 1) clean = (SEARCHES[index] as Search).replace(clean);
  if (NOT_ASCII.test(clean)) clean = replaceForeignNamed(clean);
  const now = clean === text ? occurrences : secretLiterals().occurrencesIn(clean);
  const names = now.filter(({ group }) => group === NAMES);
  if (names.length === 0) return clean;
  const named = replaceNamedValues(clean, names);
  return !HAS_BREAK.test(named) ? named : replaceColumns(named, named === clean ? names : namesIn(named));
}
