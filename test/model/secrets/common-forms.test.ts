/** Forms of secrets that are usual in logs, files of settings, command lines, statements and prompts. */
import { describe, expect, test } from "bun:test";
import { createRedactor } from "../../../src/model/secrets/redact.ts";
import { seededRandom } from "../../support/random.ts";
import { CODE, COMMANDS, DEVICES, LANGUAGES, LISTED_COMMANDS, MARKUP, SENTENCES, SQL } from "./common-forms.ts";
import { password, randomText } from "./secret-samples.ts";

const redact = createRedactor({ credentials: [] });
const MARKS = /\[redacted:[a-z-]+\]/g;

describe.each([
  ["a statement of SQL", SQL],
  ["code or settings", CODE],
  ["a sentence or a prompt", SENTENCES],
  ["XML or HTML", MARKUP],
  ["other languages", LANGUAGES],
  ["a command line", COMMANDS],
  ["another command line", LISTED_COMMANDS],
  ["settings of a device", DEVICES],
])("a secret in %s", (_, forms) => {
  test.each(forms)("is replaced, and nothing else: %s", (form) => {
    const random = seededRandom(form.length);
    for (let round = 0; round < 20; round += 1) {
      const secret = password(random, 13 + Math.floor(random() * 12), "");
      const text = form.replaceAll("§", secret);
      const clean = redact.text(text);
      expect(clean).not.toContain(secret);
      expect(clean.replace(MARKS, secret)).toBe(text);
      expect(redact.text(clean)).toBe(clean);
      expect(redact.text(`2026-11-30 INFO ran: ${text}\n`)).not.toContain(secret);
    }
  });
});

describe("a secret in one of these forms", () => {
  const forms = [SQL, CODE, SENTENCES, MARKUP, LANGUAGES, COMMANDS, DEVICES].flat();
  const encode = (text: string) => encodeURIComponent(text).replace(/['!()*]/g, escapeOctet);
  const escapeOctet = (char: string) => `%${char.charCodeAt(0).toString(16)}`;
  test.each<readonly [string, (form: string, secret: string) => string]>([
    ["in a text with colours", (form, secret) => `\x1b[31m${form.replaceAll("§", secret)}\x1b[0m`],
    ["with colours of its own", (form, secret) => form.replaceAll("§", `\x1b[1;33m${secret}\x1b[0m`)],
    ["with colours as JSON writes them", (form, secret) => `\\u001b[31m${form.replaceAll("§", secret)}\\u001b[0m`],
    ["in a URL", (form, secret) => `GET https://example.com/a?b=1&q=${encode(form.replaceAll("§", secret))} 200`],
  ])("is replaced %s", (_, write) => {
    const random = seededRandom(8);
    const left = forms.filter((form) => {
      const secret = password(random, 16, "");
      const clean = redact.text(write(form, secret));
      return clean.includes(secret) || redact.text(clean) !== clean;
    });
    expect(left).toEqual([]);
  });

  test.each([
    "\x1b[32mdone\x1b[0m 12 rows of \x1b[1mload-orders\x1b[0m",
    "GET https://example.com/a%20b?name=load%20orders&after=2026-11-30T18%3A00%3A00%2B00%3A00",
    "s3://bucket/date%3D2026-11-30/part-0001.parquet",
    "100%25 of 5%ab",
  ])("%j is kept", (text) => {
    expect(redact.text(text)).toBe(text);
  });
});

test("a password that is a word is replaced where its place is clear", () => {
  for (const form of [
    "CREATE USER u IDENTIFIED WITH sha256_password BY '§'",
    "sp_addlogin 'etl', '§'",
    "SecretStr('§')",
    'setPassword("§")',
    "net user etl § /add",
    "echo § | sudo -S ls",
    "echo etl:§ | sudo chpasswd",
    "docker login --password-stdin r <<< §",
    "snmp-server community § RO",
    "HTTPBasicAuth('u', '§')",
    '<entry key="password">§</entry>',
    'the password for etl is "§"',
    "Password (for etl): §",
    "mot de passe : §",
    "пароль: §",
    "密码：§",
  ])
    expect(redact.text(form.replace("§", "sommerwind"))).toBe(
      form
        .replace("§", "[redacted:named-secret]")
        .replace("u', '[redacted:named-secret]", "u', '[redacted:basic-credentials]"),
    );
});

test("the answer to a challenge of HTTP Digest is replaced", () => {
  const answer = randomText(seededRandom(4), 32, "0123456789abcdef");
  const text = `Authorization: Digest username="u", realm="r", nonce="a1", uri="/", response="${answer}"`;
  expect(redact.text(text)).not.toContain(answer);
  const bare = `username="u", nonce="a1", uri="/", response="${answer}", opaque="x"`;
  expect(redact.text(bare)).toBe(bare.replace(answer, "[redacted:digest-response]"));
});

test("objects with names in other languages, and lists of arguments, are redacted", () => {
  const random = seededRandom(5);
  const [a, b, c, d] = Array.from({ length: 4 }, () => password(random, 16, "")) as [string, string, string, string];
  expect(
    redact.object({
      пароль: a,
      "mot de passe": b,
      command: ["prefect", "cloud", "login", "-k", c],
      args: ["plink", "-pw", d, "host"],
    }),
  ).toEqual({
    пароль: "[redacted:named-secret]",
    "mot de passe": "[redacted:named-secret]",
    command: ["prefect", "cloud", "login", "-k", "[redacted:named-secret]"],
    args: ["plink", "-pw", "[redacted:named-secret]", "host"],
  });
});

describe("text that resembles these forms", () => {
  test.each([
    "password (bool): Enable password entry.",
    "api_key (str, optional): The key of the service",
    "Password for user etl is not set",
    "the password for etl was rejected",
    'the password is "too short"',
    "<schema>://<user>:<passwd>@<host>:<port>/<path>",
    '<label for="password">Your password</label>',
    "<th>Password</th><th>User</th>",
    '<option key="token">Choose one</option>',
    '{"password": ["This field is required."]}',
    '{"token": ["invalid"]}',
    "required: ['password', 'token']",
    "get_password('etl')",
    "Secret.load('db-credentials')",
    "secret('db-credentials')",
    "Token('LPAREN')",
    "echo done | tee log",
    'echo "$PASSWORD" | sudo -S ls',
    "echo $TOKEN | docker login --password-stdin",
    "net user accounts are synced",
    "vault login failed",
    "wandb login required",
    "http -a is an option",
    "ssh-keygen -t ed25519 -N ''",
    "gem push gems1.gem",
    "curl -A Mozilla:5 --cert client.pem h",
    "usermod -aG docker etl2024",
    "snmp-server community string is missing",
    "enable password authentication",
    "radius-server key is not set",
    "status code: A1B2C3D4",
    "access code was sent",
    "PRAGMA key_count = '12'",
    "state.tokens[end.token - 1].type",
    "Reading the password... done",
    "密码错误，请重试",
    "パスワードが必要です: required",
    "Пароль неверный",
    'response="0123456789abcdef0123456789abcdef"',
    "authorizationCode: OAuthFlowAuthorizationCode | None = None",
    "token | string | null",
    "$value = $password ?? 'none'",
  ])("is kept: %s", (text) => {
    expect(redact.text(text)).toBe(text);
  });
});
