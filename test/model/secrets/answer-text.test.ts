/** Lines of an answer that are known to be inert are not read again. Whatever is before and after them, the result is that of `text`. */
import { expect, test } from "bun:test";
import { createRedactor } from "../../../src/model/secrets/redact.ts";
import { seededRandom } from "../../support/random.ts";
import * as forms from "./common-forms.ts";
import { password, privateKey, TOKEN_TEMPLATES, tokenSample } from "./secret-samples.ts";

const CREDENTIAL = "hunter-two-and-three";
const ROWS =
  "12:00:01.123|prefect.flow-run.Completed|amber-heron|01a202fd-7f19-769f-8883-14036977c70d\n12:00:00.1|x|y|z";
const HARMLESS = [
  ROWS,
  "2 events, newest first | record as of 2026-11-30T12:00:00Z (2 s ago)",
  "next_cursor: c2VjcmV0IGlzIG5vdCBoZXJlIGJ1dCB0aGUgdGV4dCBpcyBsb25nIGVub3VnaA",
  "user:pass",
  "link: http://127.0.0.1:4200/runs/flow-run/{id}",
  "postgres://etl:hunter2secret",
  "http://x/?u=etl",
  "&p=hunter2secret",
  "\\u0040db.internal",
  "%40db",
  'a "quoted \\n',
  'end of it"',
  "ada@example.com",
  "ключ",
  "50%25 of \u001b[31mred",
  "password:",
  "token =",
  "-----BEGIN RSA PRIVATE",
  "KEY-----",
  CREDENTIAL,
  CREDENTIAL.slice(0, 8),
  CREDENTIAL.slice(8),
];

test("secrets that begin in the head, in the lines or in the end of an answer are replaced as in one text", () => {
  const random = seededRandom(7);
  const redact = createRedactor({ credentials: [CREDENTIAL] });
  const written = Object.values(forms).flatMap((all) => (Array.isArray(all) ? (all as string[]) : []));
  const secrets = [
    ...written.map((form) => form.replaceAll("§", password(random, 14, "!-_"))),
    ...TOKEN_TEMPLATES.map((template) => tokenSample(template, random).text),
    privateKey(random, "RSA ", 4),
  ];
  const one = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;
  let changed = 0;
  for (let n = 0; n < 4_000; n += 1) {
    const secret = one(secrets);
    const cut = Math.floor(random() * secret.length);
    const parts = random() < 0.5 ? [secret.slice(0, cut), secret.slice(cut)] : [secret];
    const lines = [...parts, one(HARMLESS), one(HARMLESS), one(HARMLESS)].map((line) => line || "x");
    if (random() < 0.5) lines.unshift(...lines.splice(2, 2));
    const from = 1 + Math.floor(random() * (lines.length - 2));
    const to = from + 1 + Math.floor(random() * (lines.length - from - 1));
    const body = lines.slice(from, to).join("\n");
    const text = lines.join("\n");
    const clean = redact.text(text);
    if (clean !== text) changed += 1;
    // Twice: the second time the lines may be known.
    for (let time = 0; time < 2; time += 1) expect(redact.answerText(text, body)).toBe(clean);
  }
  expect(changed).toBeGreaterThan(1_000);
});

test("without lines, with others than the text has, and with a part of a line the whole text is read", () => {
  const redact = createRedactor({ credentials: [CREDENTIAL] });
  const text = `head ${CREDENTIAL}\n${ROWS}\nend`;
  for (const body of [undefined, "", "other lines", ROWS, ROWS.slice(3), "end", "head"]) {
    expect(redact.answerText(text, body)).toBe(redact.text(text));
  }
});
