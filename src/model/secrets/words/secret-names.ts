/** Which names of fields, variables, options and headers belong to secrets. */
import { foreignClass } from "./foreign-words.ts";

/**
 * What a value after the name can look like. "password": anything. "token": anything but words and short numbers.
 * "code": something random with digits, or a number. "generated": only what hardly anyone would choose as a name.
 * "authorization": a scheme and a credential. "cookie": a list of assignments. null: the name is not one of a secret.
 */
export type NameClass = "password" | "token" | "code" | "generated" | "authorization" | "cookie" | null;

const PASSWORDS: ReadonlySet<string> = new Set(
  "password passwd passwrd pwd pswd psw passphrase passcode passwort kennwort psswd pasword passowrd passwrod pword heslo salasana parola adgangskode passord losenord geslo lozinka userpass dbpass dbpwd userpwd psk sshpass mysqlpass pgpass storepass keypass senha wachtwoord haslo contrasena mdp motdepasse mnemonic requirepass masterauth remotepass".split(
    " ",
  ),
);
const TOKENS: ReadonlySet<string> = new Set(
  "secret token apikey authkey accesskey privatekey secretkey signingkey encryptionkey masterkey licensekey accountkey sharedkey authtoken accesstoken refreshtoken bearertoken sessiontoken bottoken csrftoken xsrftoken sessionid sessid phpsessid jsessionid credential creds signature sig sas pat jwt dsn passkey clave bearer identitytoken registrytoken".split(
    " ",
  ),
);
/** Before "key". Prefect has cache keys, task keys, idempotency keys and others that are no secrets. */
const KEYS: ReadonlySet<string> = new Set(
  "api access private secret account shared preshared functions encryption decryption signing master license auth subscription application app client service session write admin ssh deploy rsa aes hmac crypto cipher webhook routing integration ingest ingestion instrumentation consumer publish webapi fernet vault unseal recovery".split(
    " ",
  ),
);
/** Services whose key is often named after them alone, as in `DATADOG_KEY`. */
const SERVICES: ReadonlySet<string> = new Set(
  "adafruit adobe airtable algolia alibaba anthropic asana aws azure beamer bitbucket bittrex clickhouse cloudflare codecov cohere coinbase confluent contentful datadog discord droneci dropbox easypost etsy facebook fastly figma finicity finnhub flickr freshbooks gcp gemini github gitlab gitter gocardless google grafana groq heroku hubspot intercom jfrog jira kaggle kraken kucoin launchdarkly linear linkedin lob looker mailchimp mailgun mapbox mattermost maxmind meraki messagebird mistral netlify newrelic notion nytimes okta openai openrouter pagerduty paypal pinecone plaid postmark prefect privateai rapidapi replicate sendbird sendgrid sentry shodan slack snowflake snyk sonar square squarespace stripe sumo supabase tavily telegram travis twilio twitch twitter typeform vercel wandb yandex zendesk".split(
    " ",
  ),
);
/** Before "token": positions in lists, and what language models read. */
const PLAIN_TOKENS: ReadonlySet<string> = new Set(
  "page next previous prev continuation pagination cursor sync start end eos bos unk pad mask stop special max min num total prompt completion unexpected invalid illegal lease".split(
    " ",
  ),
);
/** After the words that name a secret, these change nothing. */
const SUFFIXES: ReadonlySet<string> = new Set(
  "bytes value val b64 base64 plain plaintext text raw str string base old new current previous prod dev test staging live data db database admin root primary secondary main".split(
    " ",
  ),
);
/** Before "code". */
const CODES: ReadonlySet<string> = new Set("access recovery backup activation".split(" "));
/** Before "code": these are often numbers. */
const ONE_TIME_CODES: ReadonlySet<string> = new Set(
  "verification authentication otp totp mfa 2fa sms confirmation login pairing".split(" "),
);
/** Before "code": a number is something else, such as an error or a device. */
const OTHER_CODES: ReadonlySet<string> = new Set("authorization auth device".split(" "));

function isOneTime(words: readonly string[]): boolean {
  const [last = "", before = "", first = ""] = [words.at(-1), words.at(-2), words.at(-3)];
  if (/^t?otp$/.test(last)) return true;
  return last === "code" && (ONE_TIME_CODES.has(before) || (first === "one" && before === "time"));
}

/** Names of secrets that are made by programs, and of which many other values are usual. */
const GENERATED: ReadonlySet<string> = new Set(
  "passwords passphrases secrets apikeys accesskeys apitokens accesstokens authtokens refreshtokens secretid samlresponse codeverifier clientassertion authident".split(
    " ",
  ),
);
const GLUED =
  /(?:password|passwd|passphrase|apikey|api_?key|secretkey|accesskey|privatekey|authtoken|accesstoken|secrettoken|clientsecret|accountkey|accesscode|passcode)$/;

/** Before "phrase", "key", "code", "passe" and "sandi" when a space separates the words. */
export const FIRST_WORD =
  /(?:^|[^A-Za-z0-9])(?:seed|recovery|private|api|secret|access|encryption|signing|license|master|shared|pre-shared|pass|backup|activation|verification|authorization|auth|authentication|one-time|confirmation|device|login|sms|mfa|2fa|otp|pairing|unseal|hmac|mot de|kata) $/i;

// biome-ignore lint/suspicious/noControlCharactersInRegex: everything but ASCII is meant.
const IS_ASCII = /^[\x00-\x7f]*$/;

function withoutAccents(name: string): string {
  return IS_ASCII.test(name)
    ? name
    : name
        .normalize("NFD")
        .replace(/\p{M}/gu, "")
        .replace(/\u0142/g, "l");
}

export function nameWords(name: string): string[] {
  if (/^[a-z]+$/.test(name)) return [name];
  return withoutAccents(name)
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1_$2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "");
}

function classOfWords(words: readonly string[]): NameClass {
  const last = words.at(-1) ?? "";
  const before = words.at(-2);
  if (last === "authorization") return "authorization";
  if (last === "cookie" || last === "cookies") return "cookie";
  if (PASSWORDS.has(last)) return "password";
  if (last === "phrase" && /^(?:seed|recovery|mnemonic|pass)$/.test(before ?? "")) return "password";
  if ((last === "passe" && before === "de") || (last === "sandi" && before === "kata")) return "password";
  if (last === "code" && before === "pass") return "password";
  if (last === "code" && CODES.has(before ?? "")) return "token";
  if (isOneTime(words) || (last === "code" && OTHER_CODES.has(before ?? ""))) return "code";
  if (GENERATED.has(last) || GENERATED.has(`${before}${last}`)) return "generated";
  if (last === "salt" && before !== undefined && PASSWORDS.has(before)) return "token";
  if (last === "login" && before?.endsWith("sonar") === true) return "token";
  if (last === "id" && /^(?:session|sess)$/.test(before ?? "")) return "token";
  // Alone it is also a number of passed tests, or a word of a sentence.
  if ((last === "pass" || last === "pw") && before === undefined) return "token";
  if ((last === "pass" || last === "pw" || last === "auth") && before !== undefined) {
    const isAuth = last === "auth" && !/^(?:rediscli|npm|docker|registry|basic|db|http)$/.test(before);
    return isAuth ? null : "password";
  }
  if (last === "string" && before === "auth") return "password";
  if (last === "key" && before !== undefined && (KEYS.has(before) || SERVICES.has(before))) return "token";
  if (last === "token" && before !== undefined && PLAIN_TOKENS.has(before)) return null;
  if (TOKENS.has(last) || last === "credentials") return "token";
  if (GLUED.test(last)) return /pass/.test(last) ? "password" : "token";
  return null;
}

/** `PWD` and `OLDPWD` of a shell are folders. */
const FOLDERS = /^(?:OLD)?PWD$/;

export function isFolderName(name: string): boolean {
  return FOLDERS.test(name);
}

/** The name belongs to other things too: only a value that looks random is a secret. */
export function isWeakName(name: string): boolean {
  const words = nameWords(name);
  if (isOneTime(words)) return false;
  return words.length < 2 || /^sess(?:ion)?$/.test(words.at(-2) ?? "") || /code$/.test(words.at(-1) ?? "");
}

export function classOfName(name: string): NameClass {
  if (name.length > 160 || FOLDERS.test(name)) return null;
  if (!IS_ASCII.test(name)) {
    const foreign = foreignClass(name);
    if (foreign !== null) return foreign;
  }
  if (/(?:^|\.)account\.key\./.test(name)) return "token";
  const all = nameWords(name);
  const words = all.slice(0, all.includes("for", 1) ? all.indexOf("for", 1) : all.length);
  for (let last = words.pop(); last !== undefined; last = words.pop()) {
    const found = classOfWords([...words, last]);
    if (found !== null) return found;
    if (SUFFIXES.has(last)) continue;
    const unnumbered = last.replace(/\d{1,3}$/, "");
    if (unnumbered !== "" && unnumbered !== last) return classOfWords([...words, unnumbered]);
    if (unnumbered !== "" && !SERVICES.has(last)) return null;
  }
  return null;
}

const SECRET_WORDS: ReadonlySet<string> = new Set(
  "password passwd pwd passphrase passcode token tokens secret secrets key keys apikey accesskey private credential credentials authorization cookie pat dsn signature".split(
    " ",
  ),
);

/**
 * Whether a field of a block or a configured header with this name probably holds a secret. Wider than `classOfName`, because other
 * values there are few.
 */
export function isSecretName(name: string): boolean {
  const words = name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toLowerCase();
  return (
    /password|secret|connection_?string/.test(words) || words.split(/[^a-z0-9]+/).some((word) => SECRET_WORDS.has(word))
  );
}
