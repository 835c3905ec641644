/** Commands as lists of words, as `subprocess`, containers, process tables and manifests write them. */
import { describe, expect, test } from "bun:test";
import { createRedactor } from "../../../src/model/secrets/redact.ts";
import { seededRandom } from "../../support/random.ts";
import { COMMANDS, LISTED_COMMANDS } from "./common-forms.ts";
import { password } from "./secret-samples.ts";

const redact = createRedactor({ credentials: [] });
const MARKS = /\[redacted:[a-z-]+\]/g;

/** The words of a shell's line; null: it is more than one command. */
function wordsOf(line: string): string[] | null {
  if (/[|;<]|PRAGMA|^const|^master/.test(line)) return null;
  return [...line.matchAll(/(?:[^\s"']|"[^"]*"|'[^']*')+/g)].map(([word]) => word.replace(/["']/g, ""));
}

const LISTS = [...COMMANDS, ...LISTED_COMMANDS].flatMap((line) => {
  const words = wordsOf(line);
  return words?.some((word) => word.includes("§")) ? [{ line, words }] : [];
});

const WRITERS: readonly (readonly [string, (words: readonly string[]) => string])[] = [
  ["JSON", (words) => JSON.stringify(words)],
  ["JSON with line breaks", (words) => JSON.stringify({ command: words }, null, 2)],
  ["JSON in JSON", (words) => JSON.stringify({ body: JSON.stringify(words) })],
  ["JSON in JSON in JSON", (words) => JSON.stringify(JSON.stringify({ body: JSON.stringify(words) }))],
  ["Python", (words) => `Command '[${words.map((word) => `'${word}'`).join(", ")}]' returned non-zero exit status 1.`],
  ["YAML", (words) => `command:\n${words.map((word) => `  - ${word}\n`).join("")}`],
  ["YAML with quotes", (words) => `args:\n${words.map((word) => `- "${word.replaceAll("\\", "\\\\")}"\n`).join("")}`],
  ["arguments of a function", (words) => `exec.Command(${words.map((word) => JSON.stringify(word)).join(", ")})`],
  [
    "a function with a list",
    ([first, ...rest]) => `spawn('${first}', [${rest.map((word) => `'${word}'`).join(", ")}])`,
  ],
];

describe("the password of a command is replaced", () => {
  test.each(WRITERS)("in a list of %s, and nothing else", (_, write) => {
    const random = seededRandom(22);
    const left = LISTS.filter(({ words }) => {
      const secret = password(random, 16, "");
      const text = write(words).replaceAll("§", secret);
      const clean = redact.text(text);
      return clean.includes(secret) || clean.replace(MARKS, secret) !== text || redact.text(clean) !== clean;
    });
    expect(left.map(({ line }) => line)).toEqual([]);
  });

  test("in an array, and nothing else", () => {
    const random = seededRandom(23);
    const left = LISTS.filter(({ words }) => {
      const secret = password(random, 16, "");
      const command = words.map((word) => word.replaceAll("§", secret));
      const clean = redact.object({ parameters: { command } }).parameters.command;
      return (
        clean.some((word) => word.includes(secret)) ||
        !clean.every((word, at) => word.replace(MARKS, secret) === command[at])
      );
    });
    expect(left.map(({ line }) => line)).toEqual([]);
  });

  test.each([
    "curl \\\n  -sS \\\n  -u etl:§ \\\n  https://example.com",
    "mysql \\\n  -u root \\\n  -p§ db",
    'argv[1]="--password" argv[2]="§"',
    '["psql" "--password" "§"]',
    "psql,--password,§",
    "cmd: [psql, --password, §]",
    '["tool", "/password", "§"]',
    '["rclone", "config", "create", "r", "s3", "secret_access_key", "§"]',
    '["aws_secret_access_key", "§", "x"]',
  ])("in another form of a list: %s", (form) => {
    const random = seededRandom(24);
    for (let round = 0; round < 20; round += 1) {
      const secret = `aB3${password(random, 16, "")}`;
      const text = form.replace("§", secret);
      expect(redact.text(text)).not.toContain(secret);
      expect(redact.text(text).replace(MARKS, secret)).toBe(text);
    }
  });
});

describe("lists that resemble these are kept", () => {
  test.each([
    [["docker", "run", "-p", "8080:80", "image"]],
    [["mkdir", "-p", "/data/x1"]],
    [["ssh", "-p", "2222", "host1"]],
    [["npm", "config", "set", "python", "python3.9"]],
    [["aws", "configure", "set", "region", "eu-west-1"]],
    [["email", "password", "address2", "city"]],
    [["token", "gpt-4o"]],
    [["secret", "v1.2"]],
    [["password", "username"]],
    [["curl", "-b", "cookies.txt", "-u", "etl"]],
    [["net", "user", "accounts"]],
  ])("%j", (words) => {
    expect(redact.object({ words }).words).toEqual(words);
    for (const [, write] of WRITERS.slice(0, 7)) expect(redact.text(write(words))).toBe(write(words));
  });
});
