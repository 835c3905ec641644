/** Secrets that only their place in a table, a dialogue, a header or a sentence shows. */
import { describe, expect, test } from "bun:test";
import { createRedactor } from "../../../src/model/secrets/redact.ts";
import { seededRandom } from "../../support/random.ts";
import { DATA, DIALOGUES, FILES, HEADERS, MORE_COMMANDS, URLS } from "./placed-forms.ts";
import { password } from "./secret-samples.ts";

const redact = createRedactor({ credentials: [] });
const MARKS = /\[redacted:[a-z-]+\]/g;

describe.each([
  ["a command line", MORE_COMMANDS],
  ["a file or a table", FILES],
  ["a header", HEADERS],
  ["data of a program", DATA],
  ["a dialogue or a sentence", DIALOGUES],
  ["a URL", URLS],
])("a secret in %s", (_, forms) => {
  test.each(forms.map((form) => [form]))("is replaced, and nothing else: %j", (form) => {
    const random = seededRandom(form.length);
    for (let round = 0; round < 20; round += 1) {
      const secret = password(random, 13 + Math.floor(random() * 12), "");
      const text = form.replaceAll("§", secret);
      const clean = redact.text(text);
      expect(clean).not.toContain(secret);
      expect(clean.replace(MARKS, secret)).toBe(text);
      expect(redact.text(clean)).toBe(clean);
      expect(redact.text(JSON.stringify({ message: text }))).not.toContain(secret);
    }
  });
});

test.each([
  "order ",
  "shop.order.3 ",
  "12:00:00.123 | INFO    | Flow run 'x' - ",
  "2026-11-30 12:00:00 | INFO | ",
  "  > ",
])("a secret is also replaced after %j", (before) => {
  const random = seededRandom(9);
  const left = [FILES, DATA, DIALOGUES, HEADERS, MORE_COMMANDS, URLS].flat().filter((form) => {
    const secret = password(random, 16, "");
    return redact.text(before + form.replaceAll("§", secret)).includes(secret);
  });
  expect(left).toEqual([]);
});

describe("a table that is printed row by row", () => {
  const row = (message: string) => ({ message, name: "prefect.flow_runs", flow_run_id: "f", task_run_id: null });

  test.each([
    [["user,password", "etl,§", "ada,§", "done"]],
    [["| user | password |", "|------|----------|", "| etl  | § |", "| ada  | § |"]],
    [["reading users\nuser\ttoken", "etl\t§", "ada\t§"]],
  ])("is redacted: %j", (messages) => {
    const secret = password(seededRandom(7), 16, "");
    const lines = redact.logs(messages.map((message) => row(message.replace("§", secret))));
    expect(lines.map(({ message }) => message.replace(secret, "LEFT"))).toEqual(
      messages.map((message) => message.replace("§", "[redacted:named-secret]")),
    );
  });

  test("is kept when other lines follow the titles", () => {
    const lines = ["user, password", "checked 12 users, a1b2c3d4 of them, later", "etl, a1b2c3d4"].map(row);
    expect(redact.logs(lines)).toEqual(lines);
  });
});

test("numbers are replaced after the names of codes that are used once", () => {
  expect(
    redact.object({
      otp: 482913,
      verification_code: "482913",
      exit_code: 482913,
      error_code: "4829",
      device_code: 1234,
    }),
  ).toEqual({
    otp: "[redacted:named-secret]",
    verification_code: "[redacted:named-secret]",
    exit_code: 482913,
    error_code: "4829",
    device_code: 1234,
  } as never);
  expect(redact.text("OTP: 482913\nstatus code: 482913")).toBe("OTP: [redacted:named-secret]\nstatus code: 482913");
  expect(redact.text("your one-time code is 482913")).not.toContain("482913");
});

describe("text that resembles these places", () => {
  test.each([
    "user,password\netl,missing\nada,\n",
    "id,token,cost\n1,next_page,3\n",
    "model | tokens\n------+-------\ngpt-4o-2024 | 1500",
    "name, password\nThe user ada2024x, who signed in, is new",
    "task  token  rows\nload  none   12\n",
    "| key | value |\n|---|---|\n| region | eu-west-1a |\n",
    "secrets:\n  - source: db_password_v2\n    target: /run/secrets/db\n",
    "secrets: inherit",
    "passwords: 3 found",
    "credentials: aws",
    "credentials: prefect-aws, bucket2024",
    "login: worker-12 started2024",
    "logged in as etl on worker12345",
    "u: 12 p: 0.05",
    "send 12 rows",
    "socket.send('heartbeat12345')",
    'channel.send("row-2026-11-30")',
    "PASS test_load_orders2 in 3 s",
    "PASS src/load2.test.ts",
    "auth backend2024x is up",
    "identify customer2024x",
    "AUTH failed",
    "a1 LOGIN failed",
    "authorization code grant",
    "device code flow",
    "the code is 482913",
    "error code: 482913",
    "country_code=DE2024",
    "api_key_count=12345678",
    "token_for_page: 12",
    "password.length=12",
    "WIFI: T1 connected; P: none;",
    "user etl on host > a1b2c3",
    "/tokens/abc and /password/forgot-password",
    "https://example.com/password/settings?tab=1",
    '{"label": "Password", "text": "Enter your new one"}',
    'variable "db_password" {\n  type = string\n}',
    'password = "x" if a else b',
    "Authorization: required for this endpoint",
    "x += 12; y ?= 3",
  ])("is kept: %j", (text) => {
    expect(redact.text(text).replace('password = "[redacted:named-secret]"', 'password = "x"')).toBe(text);
  });
});

test("a text whose escapes stand for more secrets is redacted at once", () => {
  const text = `pwd="${'\\\\"pwd='.repeat(40)}`;
  const clean = redact.text(text);
  expect(redact.text(clean)).toBe(clean);
});
