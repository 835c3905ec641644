/** Replaces passwords in command lines whose option has no telling name: `mysql -p…`, `sshpass -p …`, `redis-cli -a …`. */
import { NAMED_SECRET } from "../words/redaction-mark.ts";
import { isSecretValue } from "../words/secret-values.ts";

/** How the password follows: as the next word, as the rest of the same word, or as either. */
type Form = "next" | "attached" | "either";

interface Program {
  readonly name: RegExp;
  /** Words that must occur in the command, because the option has another meaning without them. */
  readonly needs?: RegExp;
  readonly option: RegExp;
  readonly form: Form;
}

const program = (name: string, option: string, form: Form, needs?: RegExp): Program => ({
  name: new RegExp(`^(?:${name})$`),
  option: new RegExp(`^(?:${option})`),
  form,
  ...(needs && { needs }),
});

const PROGRAMS: readonly Program[] = [
  program("mysql|mysqldump|mysqladmin|mysqlimport|mariadb|mariadb-dump|mydumper|myloader", "-p", "attached"),
  program("sshpass", "-p", "either"),
  program("docker|podman|nerdctl|buildah|skopeo|crane|helm|oras|oc|az", "-p", "next", /^login$/),
  program("redis-cli|redis-benchmark", "-a", "next"),
  program(
    "mongo|mongosh|mongodump|mongorestore|mongoexport|mongoimport|beeline|mysql|hive|isql|impala-shell",
    "-p",
    "next",
  ),
  program("ldapsearch|ldapadd|ldapmodify|ldapdelete|ldappasswd|ldapwhoami", "-w", "next"),
  program("sqlcmd|bcp|osql", "-P", "either"),
  program("zip|unzip", "-P", "next"),
  program("7z|7za|7zr|rar|unrar", "-p", "attached"),
  program("smbclient|rpcclient|net|smbget", "[^%\\s]{0,64}%", "attached"),
  program("openssl", "pass:", "attached"),
  program("kubectl|oc", "--from-literal=[^=\\s]{1,128}=", "attached", /^secret$/),
  program("cloud|prefect", "-k", "next", /^login$/),
  program("xfreerdp|rdesktop", "/p:|-p", "attached"),
];

/** One of these is in every text that `replaceCommandSecrets` changes. */
export const COMMAND_LITERALS: readonly string[] =
  "mysql mariadb mydumper myloader sshpass docker podman nerdctl buildah skopeo crane helm oras ^oc ^az redis-cli redis-benchmark mongo beeline hive isql impala-shell ldapsearch ldapadd ldapmodify ldapdelete ldappasswd ldapwhoami sqlcmd ^bcp osql ^zip unzip ^7z ^rar unrar smbclient rpcclient smbget openssl kubectl xfreerdp rdesktop"
    .split(" ")
    .map((literal) => (literal.length > 3 ? literal : `${literal} `));

/** A word of a command line, or of a list of arguments in JSON or Python; 1: its quote, 2 or 3: its text. */
const WORD = /[ \t]{0,20},?[ \t]{0,20}(?:(\\{0,8}["'])((?:(?!\1)[^\n]){0,400})\1|([^\s"'`;|&<>\]]{1,400}))/y;
const MAX_WORDS = 40;
/** The words of a command end where another one begins. */
const ANY_PROGRAM =
  /^(?:mysql|mariadb|sshpass|redis-cli|mongo|mongosh|beeline|hive|openssl|smbclient|docker|podman|kubectl|sqlcmd)$/;
const START = /(?:^|[\s"'`/;|&(,[$])((?:my|maria)[a-z-]{2,12}|[a-z7][a-z0-9-]{1,18})(?=[\s"'\\])/g;

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

/** Where the secrets of the command are. */
function* secretsOf(one: Program, words: readonly Word[]): Generator<Word> {
  if (one.needs && !words.some(({ text }) => one.needs?.test(text))) return;
  for (const [at, { from, text }] of words.entries()) {
    const option = one.option.exec(text)?.[0];
    if (option === undefined) continue;
    const rest = text.slice(option.length).replace(/^=/, "");
    if (rest !== "" && one.form !== "next") yield { from: from + text.length - rest.length, text: rest };
    const next = words[at + 1];
    if (rest === "" && one.form !== "attached" && next && !next.text.startsWith("-")) yield next;
  }
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
    const name = match[1] ?? "";
    const fitting = PROGRAMS.filter((one) => one.name.test(name));
    const at = match.index + match[0].length;
    if (fitting.length === 0 || at < done) continue;
    const words = wordsAfter(text, at);
    const found = fitting.flatMap((one) => [...secretsOf(one, words)]).sort((a, b) => a.from - b.from);
    for (const { from, text: secret } of found) {
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
  if (typeof option !== "string" || typeof word !== "string" || !/^[-/][A-Za-z]$/.test(option)) return false;
  const before = args.slice(0, Math.min(index, MAX_WORDS)).filter((one) => typeof one === "string");
  const names = before.map((one) => one.slice(one.lastIndexOf("/") + 1));
  return (
    isSecret(word) &&
    PROGRAMS.some(
      (one) =>
        one.form !== "attached" &&
        one.option.test(option) &&
        names.some((name) => one.name.test(name)) &&
        (!one.needs || before.some((other) => one.needs?.test(other))),
    )
  );
}
