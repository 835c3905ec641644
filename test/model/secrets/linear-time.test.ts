/** Long texts that almost are secrets: the time that redaction takes grows with their length, not with its square. */
import { describe, expect, test } from "bun:test";
import { INFRASTRUCTURE_TOKENS } from "../../../src/model/secrets/infrastructure-tokens.ts";
import { createRedactor } from "../../../src/model/secrets/redact.ts";
import { SERVICE_TOKENS } from "../../../src/model/secrets/service-tokens.ts";
import { seededRandom } from "../../support/random.ts";
import { TOKEN_TEMPLATES, tokenSample } from "./secret-samples.ts";

const redact = createRedactor({ credentials: [] });

const LENGTH = 30_000;
const FACTOR = 4;
/** A square would be 16 times the time. */
const MOST = 10;
/** A measurement that something else disturbed is repeated. Quadratic work is never measured as linear, however often. */
const ATTEMPTS = 30;

function longText(part: string, length: number): string {
  return part.repeat(Math.ceil(length / part.length));
}

function msOf(work: () => unknown): number {
  const startMs = performance.now();
  work();
  return performance.now() - startMs;
}

function isLinear(work: (factor: number) => unknown): boolean {
  let least = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < ATTEMPTS && least > MOST; attempt += 1) {
    const longMs = msOf(() => work(FACTOR));
    // Times below a millisecond are not compared.
    least = Math.min(
      least,
      longMs /
        Math.max(
          msOf(() => work(1)),
          1,
        ),
    );
  }
  return least <= MOST;
}

function expectLinear(part: string, before = ""): void {
  const texts = new Map([1, FACTOR].map((factor) => [factor, before + longText(part, LENGTH * factor)]));
  const found = isLinear((factor) => redact.text(texts.get(factor) ?? ""));
  expect({ before, part, isLinear: found }).toEqual({ before, part, isLinear: true });
}

/** A token that lacks its end, one with a foreign character at its end, and nothing but its literal. */
const NEAR_TOKENS = TOKEN_TEMPLATES.map((template) => {
  const { text } = tokenSample(template, seededRandom(1));
  return [text.slice(0, Math.max(6, text.length - 6)), `${text.slice(0, -1)}!`] as const;
});
const LITERALS = [...INFRASTRUCTURE_TOKENS, ...SERVICE_TOKENS].flatMap(({ literals }) => literals);

const NEAR_MATCHES: readonly string[] = [
  ...["A", "\\", '"', '\\"', "'", "\n", "a.", "a@", "a:b@", "a/b@", "://", "://a:", ":\\/\\/a:", "%3A%2F%2Fa:", "a1B2"],
  ...["%41", "%", "%4", "a%41 ", "%C3", "\x1b[", "\x1b[31m", "\\u001b[0;", "\\e[1m a"],
  ...["user:pass1@h.x:1 ", "a.b.c:1@", "*:*:*:a:", "a:5432:b:c:", "http://hook.a.", "/hooks/a/", "?key=aaaaaaaaaaaaA"],
  ...[
    "password ",
    "password a",
    "password: a b\n",
    "password: |\n  a\n",
    "password: \\n",
    "password=<<EOT\n",
    "token=",
  ],
  ...['password: """', "password={", ";PWD={a", 'password: {"value": ', "session_id=", "seed phrase a ", "key="],
  ...["value: x name: password ", '"value": "a", "name": "password" ', "value=", "name: password", "Cookie: a=b; "],
  ...["mysql ", "mysql -p", "sshpass -p 'a", 'openssl "', "'a', ", "--password ", "kind: Secret\ndata:\n  a: b\n"],
  ...['"kind":"Secret","data":{"a":', '{"sensitive": true', '"sensitive": true, {', " data:\n a:\n", 'auth=("a", "b'],
  ...["-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY----- -----END ", "Private-Lines: 1\n", "MIIEvQIBADAN"],
  ...[
    "Bearer ",
    "basic aaaa",
    "Authorization: ",
    "curl -u a:",
    '{"kty":"oct","k":"',
    "eyJ",
    "eyJaaaaaaaaa.",
    "[redacted:",
  ],
  ...[
    "identified with ",
    "sp_addlogin 'a', ",
    "pgp_sym_encrypt(a, ",
    "attach 'a' as a key ",
    "echo a | sudo ",
    "echo -n ",
    "<<< a",
  ],
  ...[
    '"curl","-u","a',
    '"net","user",',
    "- zip\n- -P\n- ",
    "curl \\\n -u",
    '"--password" ',
    "--token\n - ",
    "net,user,a,",
  ],
  ...[
    "user,password\n",
    "user,password\na,b\n",
    "user | password\n--\n",
    "a  token  b\n",
    "Password\n",
    "secrets:\n  a: b\n",
  ],
  ...[
    'send "',
    'send "a\\r" ',
    "Password: send ",
    "PASS a\n",
    "AUTH a ",
    "AUTH PLAIN ",
    "a1 LOGIN a ",
    "UGFzc3dvcmQ6 ",
  ],
  ...[
    "credentials: a / ",
    "u: a p: ",
    "login a ",
    '"\\n',
    '"\\"a',
    '{"a":"\\"',
    "passwords: {a: b, ",
    "/password/",
    "otp: ",
  ],
  ...[
    'variable "password" {',
    "Authorization: a ",
    "cookies={'a': 'b",
    "password for a 'b",
    "ConvertTo-SecureString ",
    "WIFI:T:a;",
  ],
  ...[
    "snmp-server community ",
    "radius-server a key",
    "username a password 7 ",
    "setuser a a ",
    "net user a ",
    "net use a a ",
  ],
  ...[
    "Password (a",
    "password for a",
    "password....",
    "password: ['a', ",
    "password is set to ",
    "setPassword(",
    "password |a",
  ],
  ...[
    "<password ",
    "<td>Password</td>",
    '<entry key="password">',
    "пароль:",
    "密码",
    "password\t",
    "nonce response=",
    "token or ",
  ],
];

describe("the time is linear", () => {
  test.each(NEAR_MATCHES)("for many times %j", (part) => {
    expectLinear(part);
    expectLinear(JSON.stringify(part).slice(1, -1));
  });

  test("for the literals of all kinds of tokens", () => {
    for (const literal of LITERALS) expectLinear(literal.replace(/^\^/, ""));
  });

  test("for tokens of all kinds that are cut or end wrongly", () => {
    for (const [cut, wrong] of NEAR_TOKENS) {
      expectLinear(cut);
      expectLinear(wrong);
    }
  });

  test("for one token of any kind that does not end", () => {
    for (const [cut] of NEAR_TOKENS) {
      for (const more of ["a", "A1", "-", "_", "."]) expectLinear(more, cut);
    }
  });

  test.each([
    "",
    "password:",
    "A1b2".repeat(16),
    "-----BEGIN PRIVATE KEY-----",
    "DB_PASSWORD=a1b2c3d4",
    "token is ghp_a",
  ])("for many log rows %j", (message) => {
    const rows = Array.from({ length: 2_000 * FACTOR }, () => ({ message, name: "prefect.flow_runs" }));
    expect(isLinear((factor) => redact.logs(rows.slice(0, 2_000 * factor)))).toBe(true);
  });

  test("for an object with many secret names", () => {
    const key = tokenSample(["prefect-api-key", "pnu_{36:a}"], seededRandom(2)).text;
    const objects = new Map(
      [1, FACTOR].map((factor) => [
        factor,
        Object.fromEntries(Array.from({ length: 1_500 * factor }, (_, n) => [key + n, n])),
      ]),
    );
    expect(isLinear((factor) => redact.object(objects.get(factor)))).toBe(true);
  });
});
