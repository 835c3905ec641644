/** Replaces passwords in command lines whose option has no telling name: `mysql -p…`, `sshpass -p …`, `redis-cli -a …`, `net user …`. */
import { NAMED_SECRET } from "../words/redaction-mark.ts";
import { isSecretValue, looksRandom } from "../words/secret-values.ts";

/** How the password follows: as the next word, as the rest of the same word, or as either. */
type Form = "next" | "attached" | "either";

interface Program {
  readonly names: readonly string[];
  /** Words that must occur in the command, because the option has another meaning without them. */
  readonly needs?: RegExp;
  readonly option: RegExp;
  readonly form: Form;
  /** What precedes the password in its word: `user:`. */
  readonly keep?: RegExp;
  /** Ends the password. */
  readonly until?: RegExp;
  /** One of these is in every text with this command. Without it: one of the names. */
  readonly literals?: readonly string[];
}

type Details = Pick<Program, "needs" | "keep" | "until" | "literals">;

const program = (names: string, option: string, form: Form, details: Details = {}): Program => ({
  names: names.split(" "),
  option: new RegExp(`^(?:${option})`),
  form,
  ...details,
});

const USER = /^[^:\s/\\]{1,64}:/;
const UPLOAD = /^(?:upload|publish)$/;

const PROGRAMS: readonly Program[] = [
  program("mysql mysqldump mysqladmin mysqlimport mariadb mariadb-dump mydumper myloader", "-p", "attached"),
  program("sshpass", "-p", "either"),
  program("docker podman nerdctl buildah skopeo crane helm oras oc az", "-p", "next", { needs: /^login$/ }),
  program("az", "-p", "next", { needs: /^(?:sql|mysql|postgres)$/ }),
  program("az", "--value", "next", { needs: /^secret$/ }),
  program("aws", "--value", "next", { needs: /^SecureString$/, literals: ["securestring"] }),
  program("gh", "--body|-b", "either", { needs: /^secret$/, literals: ["gh secret"] }),
  program("redis-cli redis-benchmark", "-a", "next"),
  program("mongo mongosh mongodump mongorestore mongoexport mongoimport", "-p", "next"),
  program("beeline mysql hive isql impala-shell rabbitmqadmin ncftp ncftpput ncftpget", "-p", "next"),
  program("cqlsh", "-p", "either"),
  program("sqlcmd bcp osql isql tsql ipmitool", "-P", "either"),
  program("mosquitto_pub mosquitto_sub mosquitto_rr", "-P", "next"),
  program("hydra crackmapexec netexec nxc evil-winrm psexec", "-p", "next"),
  program("ldapsearch ldapadd ldapmodify ldapdelete ldappasswd ldapwhoami", "-w", "either"),
  program("kadmin kadmin.local", "-w|-pw", "next"),
  program("plink pscp psftp putty nzsql", "-pw", "next"),
  program("vsql", "-w", "next"),
  program("p4", "-P", "next"),
  program("sqlplus sqlldr exp imp expdp impdp rman", "[A-Za-z][\\w$#]{0,30}/", "attached", { until: /@/ }),
  program("zip unzip", "-P", "next"),
  program("7z 7za 7zr rar unrar", "-h?p", "attached"),
  program("pdftotext pdftoppm pdfinfo pdfimages", "-[uo]pw", "next"),
  program("smbclient rpcclient net smbget", "[^%\\s]{0,64}%", "attached", {
    literals: ["smbclient", "rpcclient", "smbget", "^net "],
  }),
  program("openssl", "pass:", "attached"),
  program("openssl", "-k", "next", { needs: /^enc$/ }),
  program("ssh-keygen", "-[NP]", "next"),
  program("kubectl oc", "--from-literal=[^=\\s]{1,128}=", "attached", { needs: /^secret$/ }),
  program("cloud", "-k|--key", "either", { needs: /^login$/, literals: ["cloud login"] }),
  program("doctl", "-t", "next", { needs: /^auth$/ }),
  program("airflow", "-p", "next", { needs: /^users$/, literals: ["airflow users"] }),
  program("twine poetry uv hatch flit", "-p", "next", { needs: UPLOAD, literals: ["twine", "publish"] }),
  program("gem", "--key", "either", { needs: /^push$/, literals: ["gem push"] }),
  program("dotnet nuget", "-k|-p", "next", { needs: /^(?:push|add)$/, literals: ["nuget"] }),
  program("npm", "--auth", "next", { literals: ["--auth"] }),
  program("xfreerdp rdesktop mstsc winrs", "[/-]p:", "attached"),
  program("rdesktop", "-p", "next"),
  program("schtasks", "/r?p", "next"),
  program("usermod useradd", "-p", "next"),
  program("snmpwalk snmpget snmpset snmpgetnext snmpbulkwalk snmpbulkget snmptrap", "-c|-A|-X", "either"),
  program("swaks", "-ap", "next"),
  program("sendemail", "-xp", "next"),
  program("http https xh xhs ab", "-a|-A|--auth", "either", {
    keep: USER,
    literals: ["http -a", "https -a", "xh -a", "ab -a", "--auth"],
  }),
  program("etcdctl", "--user", "either", { keep: USER }),
  program("jenkins-cli jenkins-cli.jar", "-auth", "next", { keep: USER }),
  program("curl", "-E|--cert", "either", { keep: /^[^:\s]{2,128}:(?!\\)/ }),
  program("lftp", "-u", "next", { keep: /^[^,\s]{1,64},/ }),
];

/** Words of a command: `*` is any word but an option, `!` the secret, `?` a secret that looks random. Options may follow the first word. */
const POSITIONS: readonly (readonly string[])[] = [
  "net user * ?",
  "net user * ! /*",
  "net use * ? /*",
  "net use * * ? /*",
  "net use * /* ?",
  "rabbitmqctl add_user * !",
  "rabbitmqctl change_password * !",
  "rabbitmqctl authenticate_user * !",
  "htpasswd * * !",
  "htpasswd * ?",
  "mosquitto_passwd * * !",
  "vault login ?",
  "cargo login ?",
  "wandb login ?",
  "ngrok authtoken ?",
  "nuget setapikey ?",
  "rclone obscure !",
  "mc alias set * * * !",
  "mc config host add * * * !",
  "composer config * * ?",
  "poetry config * ?",
  "poetry config * * ?",
  "wpa_passphrase * !",
  "iwconfig * key ?",
  "openssl passwd ?",
  "ansible-vault encrypt_string !",
  "smbclient * ?",
  "db2 connect to * user * using !",
].map((words) => words.split(" "));

/** `htpasswd` takes a password only with an option that says so. */
const NEEDS_OPTION: ReadonlyMap<string, RegExp> = new Map([
  ["htpasswd", /^-[a-zA-Z]*b/],
  ["mosquitto_passwd", /^-[a-zA-Z]*b/],
]);

function byName<T>(all: readonly T[], namesOf: (one: T) => readonly string[]): ReadonlyMap<string, readonly T[]> {
  return Map.groupBy(
    all.flatMap((one) => namesOf(one).map((name) => ({ name, one }))),
    ({ name }) => name,
  )
    .entries()
    .reduce(
      (found, [name, list]) =>
        found.set(
          name,
          list.map(({ one }) => one),
        ),
      new Map<string, readonly T[]>(),
    );
}

const PROGRAMS_BY_NAME = byName(PROGRAMS, ({ names }) => names);
const POSITIONS_BY_NAME = byName(POSITIONS, ([name = ""]) => [name]);

/** The beginning of a long name is enough to find it. */
const MAX_LITERAL = 8;

/** One of these is in every text that `replaceCommandSecrets` changes. */
export const COMMAND_LITERALS: readonly string[] = [
  ...new Set([
    ...PROGRAMS.flatMap(({ names, literals }) => literals ?? names.map(literalOf)),
    ...POSITIONS.map(([name = "", next = ""]) =>
      /^[*!?]/.test(next) ? literalOf(name) : literalOf(`${name} ${next}`),
    ),
  ]),
];

/** A short name could be the end of another word. */
function literalOf(name: string): string {
  return name.length > 4 ? name.slice(0, MAX_LITERAL) : `^${name} `;
}

/** A word of a command line, or of a list of arguments in JSON or Python; 1: its quote, 2 or 3: its text. */
const WORD = /[ \t]{0,20},?[ \t]{0,20}(?:(\\{0,8}["'])((?:(?!\1)[^\n]){0,400})\1|([^\s"'`;|&<>\]]{1,400}))/y;
const MAX_WORDS = 40;
/** The words of a command end where another one begins. */
const ANY_PROGRAM =
  /^(?:mysql|mariadb|sshpass|redis-cli|mongo|mongosh|beeline|hive|openssl|smbclient|docker|podman|kubectl|sqlcmd)$/;
const START = /(?:^|[\s"'`/;|&(,[$])([a-z7][a-z0-9_.-]{1,23})(?=[\s"'\\])/gi;

interface Word {
  readonly from: number;
  readonly text: string;
}

function wordsAfter(text: string, at: number): Word[] {
  const words: Word[] = [];
  let next = at;
  // The quote that ends the name of the program in a list of arguments.
  next += /^\\{0,8}["']/.exec(text.slice(at, at + 9))?.[0].length ?? 0;
  while (words.length < MAX_WORDS) {
    WORD.lastIndex = next;
    const found = WORD.exec(text);
    if (!found) break;
    const word = found[2] ?? found[3] ?? "";
    const end = found.index + found[0].length;
    if (words.length > 0 && found[1] === undefined && ANY_PROGRAM.test(word)) break;
    words.push({ from: end - word.length - (found[1]?.length ?? 0), text: word });
    next = end;
  }
  return words;
}

function partOf({ from, text }: Word, at: number): Word {
  return { from: from + at, text: text.slice(at) };
}

/** Without what `keep` describes; null: the word has no such beginning. */
function secretPart(one: Program, word: Word): Word | null {
  const end = one.until ? word.text.search(one.until) : -1;
  if (!one.keep) return end < 0 ? word : { ...word, text: word.text.slice(0, end) };
  const kept = one.keep.exec(word.text)?.[0];
  return kept === undefined ? null : partOf(word, kept.length);
}

/** Where the secrets of the command are. */
function* secretsOf(one: Program, words: readonly Word[]): Generator<Word> {
  if (one.needs && !words.some(({ text }) => one.needs?.test(text))) return;
  for (const [at, word] of words.entries()) {
    const option = one.option.exec(word.text)?.[0];
    if (option === undefined) continue;
    const start = option.length + (word.text.charAt(option.length) === "=" ? 1 : 0);
    const next = words[at + 1];
    const hasRest = start < word.text.length;
    const isNext = !hasRest && one.form !== "attached" && next && !next.text.startsWith("-");
    const found = hasRest && one.form !== "next" ? partOf(word, start) : isNext ? next : null;
    const secret = found && secretPart(one, found);
    if (secret) yield secret;
  }
}

/** The secret at its position; null: the words are others. */
function positionalSecret(pattern: readonly string[], words: readonly Word[]): Word | null {
  const [name = "", ...expected] = pattern;
  const option = NEEDS_OPTION.get(name);
  if (option && !words.some(({ text }) => option.test(text))) return null;
  const first = Math.max(
    0,
    words.findIndex(({ text }) => !text.startsWith("-")),
  );
  let secret: Word | null = null;
  for (const [at, sign] of expected.entries()) {
    const word = words[first + at];
    if (!word || (sign !== "/*" && /^[-/](?!\/)/.test(word.text))) return null;
    if (sign === "!" || (sign === "?" && looksRandom(word.text, 6))) secret = word;
    else if (sign === "/*" ? !/^\/\w/.test(word.text) : sign !== "*" && word.text !== sign) return null;
  }
  return secret;
}

function isSecret(word: string): boolean {
  return (
    word.length >= 3 &&
    !word.startsWith("[redacted:") &&
    !/^\d{1,5}(?::\d{1,5})?$/.test(word) &&
    isSecretValue(word, "password", "assigned", false)
  );
}

export function replaceCommandSecrets(text: string): string {
  let result = "";
  let done = 0;
  for (const match of text.matchAll(START)) {
    const name = (match[1] ?? "").toLowerCase();
    const programs = PROGRAMS_BY_NAME.get(name);
    const positions = POSITIONS_BY_NAME.get(name);
    const at = match.index + match[0].length;
    if ((!programs && !positions) || at < done) continue;
    const words = wordsAfter(text, at);
    const found = [
      ...(programs ?? []).flatMap((one) => [...secretsOf(one, words)]),
      ...(positions ?? []).flatMap((pattern) => positionalSecret(pattern, words) ?? []),
    ];
    for (const { from, text: secret } of found.sort((a, b) => a.from - b.from)) {
      if (from < done || !isSecret(secret)) continue;
      result += text.slice(done, from) + NAMED_SECRET;
      done = from + secret.length;
    }
  }
  return done === 0 ? text : result + text.slice(done);
}

/** Whether `args[index]` is the password of the command that the arguments begin with. */
export function isCommandSecret(args: readonly unknown[], index: number): boolean {
  const option = args[index - 1];
  const word = args[index];
  if (typeof option !== "string" || typeof word !== "string" || !/^(?:[-/][A-Za-z]{1,2}|--?[a-z]{3,8})$/.test(option))
    return false;
  const before = args.slice(0, Math.min(index, MAX_WORDS)).filter((one) => typeof one === "string");
  const programs = before.flatMap((one) => PROGRAMS_BY_NAME.get(one.slice(one.lastIndexOf("/") + 1)) ?? []);
  return (
    isSecret(word) &&
    programs.some(
      (one) =>
        one.form !== "attached" &&
        one.keep === undefined &&
        one.option.exec(option)?.[0] === option &&
        (!one.needs || before.some((other) => one.needs?.test(other))),
    )
  );
}
