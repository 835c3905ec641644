import { describe, expect, test } from "bun:test";
import type { PrefectEvent } from "../../../src/model/events/event.ts";
import { createRedactor } from "../../../src/model/secrets/redact.ts";
import { expectLinear } from "../../support/time/growth.ts";

const redact = createRedactor({ credentials: [] });

function anEvent(fields: Partial<PrefectEvent> = {}): PrefectEvent {
  return {
    id: "01a202fd-7f19-769f-8883-14036977c70d",
    occurred: "2026-11-22T11:21:37.305289Z",
    event: "prefect.flow-run.Running",
    resource: {
      "prefect.resource.id": "prefect.flow-run.6631dbb2-71aa-477b-a140-8141a7cd54f4",
      "prefect.resource.name": "amber-heron",
      "prefect.state-message": "",
    },
    related: [{ "prefect.resource.id": "prefect.tag.finance", "prefect.resource.role": "tag" }],
    payload: { intended: { from: "PENDING", to: "RUNNING" }, count: 3, ratio: 0.5, ok: true, none: null },
    follows: null,
    received: "2026-11-22T11:21:37.306145Z",
    ...fields,
  };
}

// Written in parts, so that secret scanners do not report this file.
const glue = (...parts: string[]) => parts.join("");
const AWS_ID = glue("AKIA", "IOSFODNN7EXAMPLE");
const AWS_SECRET = glue("wJalrXUtnFEMI/K7MDENG", "/bPxRfiCYEXAMPLEKEY");
const GITHUB = glue("gh", "p_", "16C7e42F292c6912E7710c838347Ae178B4a");
const PREFECT = glue("pn", "u_", "d3KxV6mE0qY8bTzR4wLhN1sJcA7uGfP5oIi9");
const JWT = glue(
  "eyJhbGciOiJIUzI1NiJ9",
  ".eyJzdWIiOiIxMjM0NTY3ODkwIn0",
  ".dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
);
const PEM = glue("-----BEGIN RSA ", "PRIVATE KEY-----\nMIIEowIBAAKCAQEA7\nq1b+/==\n-----END RSA ", "PRIVATE KEY-----");

const SHAPES: readonly [kind: string, secret: string][] = [
  ["prefect-api-key", PREFECT],
  ["prefect-api-key", glue("pn", "b_", "abc123de")],
  ["aws-access-key-id", AWS_ID],
  ["aws-access-key-id", glue("ASIA", "Y34FZKBOKMUTVV7A")],
  ["github-token", GITHUB],
  ["github-token", glue("github", "_pat_", "11ABCDEFG0aBcDeFgHiJkL_mNoPqRsTuVwXyZ")],
  ["gitlab-token", glue("glpat", "-", "aBcDeFgHiJkLmNoPqRsT")],
  ["slack-token", glue("xox", "b-", "2345678901-abcdefghijkl")],
  ["google-api-key", glue("AI", "za", "SyA-1234567890abcdefghijklmnopqrstu")],
  ["google-oauth-token", glue("ya", "29.", "a0AfH6SMBx-abcdefghijklmno")],
  ["ai-api-key", glue("sk", "-", "abcdefghijklmnopqrstuvwxyz012345")],
  ["ai-api-key", glue("sk", "-ant-", "api03-AbCdEf_0123456789")],
  ["stripe-key", glue("sk", "_live_", "4eC39HqLyjWDarjtT1zdp7dc")],
  ["huggingface-token", glue("hf", "_", "abcdefghijklmnopqrstuvwxyzABCDEFGH")],
  ["databricks-token", glue("dapi", "0123456789abcdef0123456789abcdef")],
  ["jwt", JWT],
  ["private-key", PEM],
];

describe("strings in the form of a secret", () => {
  for (const [kind, secret] of SHAPES) {
    test(`${kind} is replaced and marked: ${secret.slice(0, 8)}…`, () => {
      for (const [before, after] of [
        ["", ""],
        ["the value is ", " as you see"],
        ["KEY=", "\nNEXT=1"],
        ['{"a":"', '"}'],
      ] as const) {
        expect(redact.text(`${before}${secret}${after}`)).toBe(`${before}[redacted:${kind}]${after}`);
      }
    });
  }

  test("the password of a URL is replaced, the rest of the URL is kept", () => {
    expect(redact.text("postgresql+asyncpg://reader:s3c:r@t@db.internal:5432/prefect?ssl=1 failed")).toBe(
      "postgresql+asyncpg://reader:[redacted:url-password]@db.internal:5432/prefect?ssl=1 failed",
    );
    expect(redact.text("redis://:hunter2@cache:6379")).toBe("redis://:[redacted:url-password]@cache:6379");
  });

  test("values of authorization headers are replaced, the scheme is kept", () => {
    expect(redact.text("authorization: bearer abcdef1234567890")).toBe("authorization: bearer [redacted:bearer-token]");
    expect(redact.text(`Authorization: Basic ${btoa("ada:lovelace")}`)).toBe(
      "Authorization: Basic [redacted:basic-credentials]",
    );
  });

  test("a secret key of AWS is replaced only when a key id is in the same value", () => {
    const pair = {
      payload: {
        env: [
          { name: "ID", value: AWS_ID },
          { name: "OTHER", value: AWS_SECRET },
        ],
      },
    };
    expect(redact.object(pair)).toEqual({
      payload: {
        env: [
          { name: "ID", value: "[redacted:aws-access-key-id]" },
          { name: "OTHER", value: "[redacted:aws-secret-key]" },
        ],
      },
    });
    const alone = { value: AWS_SECRET };
    expect(redact.object(alone)).toBe(alone);
    const hash = { id: AWS_ID, commit: "0123456789abcdef0123456789abcdef01234567" };
    expect(redact.object(hash)).toEqual({ id: "[redacted:aws-access-key-id]", commit: hash.commit });
  });

  test("the rest of a truncated private key is replaced, also with escaped line breaks", () => {
    const cut = PEM.slice(0, PEM.indexOf("-----END")).replaceAll("\n", "\\n");
    expect(redact.text(`key="${cut}"; next`)).toBe('key="[redacted:private-key]"; next');
  });

  test("a secret as the name of a field is replaced, and two in one object keep different names", () => {
    const other = GITHUB.replace("16C7", "99ZZ");
    expect(redact.object({ [GITHUB]: 1, plain: 2, [other]: 3 })).toEqual({
      "[redacted:github-token]": 1,
      plain: 2,
      "[redacted:github-token]#2": 3,
    });
  });

  test("long texts and large objects are redacted in time proportional to their size", () => {
    expectLinear((size) => void redact.text(`://${":".repeat(size)}`), 20_000);
    expectLinear((size) => void redact.text(`://${"a:".repeat(size)}`), 10_000);
    const named = (length: number) => Array.from({ length }, (_, n) => [`${PREFECT}${n}`, n] as const);
    expectLinear((size) => void redact.object(Object.fromEntries(named(size))), 1_000);
    const names = named(6_000);
    const clean = redact.object(Object.fromEntries(names));
    const expected = names.map((_, n) => `[redacted:prefect-api-key]${n === 0 ? "" : `#${n + 1}`}`);
    expect(Object.keys(clean)).toEqual(expected);
  });

  test("ordinary text that resembles one is kept", () => {
    for (const text of [
      "Basic authentication failed: bearer tokens are not configured",
      "prefect.task-run.0198f0b0-4100-7aa1-9d11-2c3d4e5f6071",
      "mytask-0123456789abcdef01234567",
      "pnl_statements_2024 and pna_results",
      "http://127.0.0.1:4200/api/flow_runs/filter?x=a@b.c",
      "mail ada@example.com about AKIA or eyJhbGciOiJIUzI1NiJ9",
      "sk-learn-pipeline-training",
      "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    ]) {
      expect(redact.text(text)).toBe(text);
    }
  });
});

describe("variables and blocks", () => {
  const variable = (payload: Record<string, unknown>, event = "prefect.variable.updated") =>
    anEvent({ event, payload });

  test("the value of a variable is replaced whatever its type, its name and tags are kept", () => {
    for (const value of ["plain", 7, false, { a: 1 }, ["x"]]) {
      const { payload } = redact.event(variable({ name: "kitchen_var", value, tags: ["t"] }));
      expect(payload).toEqual({ name: "kitchen_var", value: "[redacted:variable-value]", tags: ["t"] });
    }
    const empty = variable({ name: "v", value: null, tags: [] });
    expect(redact.event(empty)).toBe(empty);
  });

  test("both sides of a variable's change are replaced", () => {
    const { payload } = redact.event(
      variable({ updated_fields: ["value"], updates: { value: { from: "a", to: "b" } } }),
    );
    expect(payload.updates).toEqual({ value: { from: "[redacted:variable-value]", to: "[redacted:variable-value]" } });
  });

  test("the value in a variable's event inside another event is replaced", () => {
    const inner = variable({ name: "v", value: "secret", tags: [] });
    const outer = anEvent({ event: "prefect.automation.triggered", payload: { triggering_event: inner } });
    expect(redact.event(outer).payload).toEqual({
      triggering_event: { ...inner, payload: { name: "v", value: "[redacted:variable-value]", tags: [] } },
    });
  });

  test("fields of a block with a secret's name are replaced, masked ones and references are kept", () => {
    const data = {
      username: "ada",
      password: "hunter2",
      apiKey: "k",
      aws_access_key_id: "********",
      nested: { client_secret: 12, region: "eu", token: null },
      credentials: { $ref: { block_document_id: "612820e4" }, user: "x" },
      enabled: true,
    };
    const { payload } = redact.event(
      anEvent({ event: "prefect.block-document.created", payload: { name: "b", data, block_schema: {} } }),
    );
    expect(payload).toEqual({
      name: "b",
      data: {
        username: "ada",
        password: "[redacted:block-secret]",
        apiKey: "[redacted:block-secret]",
        aws_access_key_id: "********",
        nested: { client_secret: "[redacted:block-secret]", region: "eu", token: null },
        credentials: { $ref: { block_document_id: "612820e4" }, user: "[redacted:block-secret]" },
        enabled: true,
      },
      block_schema: {},
    });
  });

  test("the value of a Secret block is replaced, that of other blocks is kept", () => {
    const block = (type: string) =>
      redact.event(
        anEvent({
          event: "prefect.block-document.updated",
          payload: { data: { value: "x" }, block_schema: { block_type: { name: type } } },
        }),
      ).payload.data;
    expect(block("Secret")).toEqual({ value: "[redacted:block-secret]" });
    expect(block("String")).toEqual({ value: "x" });
  });

  test("parameters of runs and deployments are kept, but not those with the name of a secret", () => {
    const run = { id: "r", parameters: { password: "hunter2", value: 1, token: GITHUB, table: "orders" } };
    expect(redact.flowRun(run)).toEqual({
      id: "r",
      parameters: {
        password: "[redacted:named-secret]",
        value: 1,
        token: "[redacted:github-token]",
        table: "orders",
      },
    });
  });
});

describe("configured credentials", () => {
  const configured = createRedactor({
    credentials: ["ada:correct horse", "plain-Header-Value", "Bearer tok3n-of-proxy"],
  });

  test("are replaced in every form: whole, password alone, base64, URL-encoded", () => {
    for (const form of [
      "ada:correct horse",
      "correct horse",
      btoa("ada:correct horse"),
      "correct%20horse",
      "plain-Header-Value",
      "Bearer tok3n-of-proxy",
      "tok3n-of-proxy",
    ]) {
      expect(configured.text(`before ${form} after`)).toBe("before [redacted:configured-credential] after");
    }
  });

  test("a short password is replaced only together with its user", () => {
    const short = createRedactor({ credentials: ["bob:pw1"] });
    expect(short.text("bob:pw1 and pw1")).toBe("[redacted:configured-credential] and pw1");
  });

  test("a password that is a word of Prefect or a part of an id is not replaced in names and ids", () => {
    const odd = createRedactor({ credentials: ["admin:prefect", "admin:305289", "admin:6631dbb2"] });
    const event = anEvent();
    const { resource, ...rest } = odd.event(event);
    expect(rest).toEqual((({ resource: _, ...others }) => others)(event));
    expect(resource["prefect.resource.name"]).toBe("amber-heron");
    expect(odd.text("admin:prefect")).toBe("[redacted:configured-credential]");
    expect(odd.text("code 305289.")).toBe("code [redacted:configured-credential].");
  });

  test("a credential that is a word of the replacement does not change replacements", () => {
    const odd = createRedactor({ credentials: ["x:configured-credential", "redacted"] });
    const once = odd.text("redacted x:configured-credential");
    expect(once).toBe("[redacted:configured-credential] [redacted:configured-credential]");
    expect(odd.text(once)).toBe(once);
  });
});

describe("the structured content of an answer", () => {
  test("is redacted as any value, also with rows that were clean in an earlier answer", () => {
    const own = createRedactor({ credentials: [] });
    const clean = { id: 1, message: "all is well", tags: ["a"] };
    const secret = { id: 2, message: `token=${GITHUB}` };
    for (let call = 0; call < 3; call += 1) {
      const content = { rows: [clean, secret, "--api-key", PREFECT], note: `password=${PREFECT}` };
      expect(own.answer(content)).toEqual(own.object(content));
      expect(own.answer({ rows: [clean] }).rows[0]).toBe(clean);
    }
    expect(JSON.stringify(own.answer({ rows: [secret] }))).not.toContain(GITHUB);
  });

  test("loses an AWS secret in a row that is clean without the key id beside it", () => {
    const own = createRedactor({ credentials: [] });
    const row = { value: AWS_SECRET };
    const alone = { rows: [row] };
    expect(own.answer(alone)).toEqual(own.object(alone));
    const beside = { rows: [row, { value: AWS_ID }] };
    expect(own.answer(beside)).toEqual(own.object(beside));
    expect(JSON.stringify(own.answer(beside))).not.toContain(AWS_SECRET);
  });

  test("is read by each redactor for itself", () => {
    const row = { value: "a-credential-of-one-tenant" };
    expect(createRedactor({ credentials: [] }).answer({ rows: [row] })).toEqual({ rows: [row] });
    const other = createRedactor({ credentials: [row.value] });
    expect(JSON.stringify(other.answer({ rows: [row] }))).not.toContain(row.value);
  });
});

describe("values without secrets", () => {
  test("an event without secrets is returned as the same object", () => {
    const event = anEvent();
    expect(redact.event(event)).toBe(event);
  });

  test("parts without secrets stay the same objects, and the original does not change", () => {
    const event = anEvent({ payload: { safe: { a: [1, 2] }, message: `got ${GITHUB}` } });
    const before = structuredClone(event);
    const clean = redact.event(event);
    expect(clean.payload).toEqual({ safe: { a: [1, 2] }, message: "got [redacted:github-token]" });
    expect(clean.payload.safe).toBe(event.payload.safe);
    expect(clean.related).toBe(event.related);
    expect(event).toEqual(before);
  });

  test("keys like __proto__ and constructor stay keys", () => {
    const hostile = JSON.parse(`{"__proto__":{"polluted":"${GITHUB}"},"constructor":"c"}`) as Record<string, unknown>;
    const clean = redact.object(hostile);
    expect(JSON.stringify(clean)).toBe('{"__proto__":{"polluted":"[redacted:github-token]"},"constructor":"c"}');
    expect(({} as { polluted?: string }).polluted).toBeUndefined();
  });

  test("deeply nested values are redacted, too", () => {
    const depth = 3000;
    const nested = JSON.parse(`${'{"a":['.repeat(depth)}"${GITHUB}"${"]}".repeat(depth)}`) as object;
    expect(JSON.stringify(redact.object(nested))).toBe(
      `${'{"a":['.repeat(depth)}"[redacted:github-token]"${"]}".repeat(depth)}`,
    );
  });

  test("hostile texts are redacted once: a second pass changes nothing", () => {
    const size = 100_000;
    for (const part of [
      "eyJ",
      "eyJaaaaaaaaa.",
      "://a:",
      "://",
      "a@",
      "-----BEGIN PRIVATE KEY-----",
      "-----BEGIN PRIVATE KEY----- -----END ",
      "pnu_",
      "pnu_aaaaaaaa",
      "Bearer ",
      "basic aaaa",
      "sk-",
      "AKIA",
      "A",
      "\\",
      '"',
      '\\"',
    ]) {
      const text = part.repeat(Math.ceil(size / part.length));
      const clean = redact.text(text);
      expect(redact.text(clean)).toBe(clean);
      expect(typeof redact.text(`[${JSON.stringify(text)}]`)).toBe("string");
    }
  });

  test("hostile texts and objects, each of which took minutes with a pass that is not linear, are redacted", () => {
    const many = (part: string, chars = 1_000_000) => part.repeat(Math.ceil(chars / part.length));
    for (const text of [
      `a@b ${many("pg://user:pw/")}`,
      `basic ${btoa(`${many(":")}\0`)}`,
      `token="1${many(".1", 16_000)}!"`,
      many(`token="1${many(".1", 16_000)}!" `),
      `-----BEGIN PRIVATE KEY-----${many(" ")}!`,
      `-----BEGIN PRIVATE KEY-----\n${many(`${"A1b2".repeat(16)}\n`)}!`,
      `${many("A\n")}-----END PRIVATE KEY-----`,
    ])
      expect(redact.text(redact.text(text))).toBe(redact.text(text));
    const sides = Object.fromEntries(Array.from({ length: 100_000 }, (_, n) => [`side-${n}`, n]));
    const updated = { event: "prefect.variable.updated", payload: { updates: { value: sides } } };
    const hidden: Set<unknown> = new Set(Object.values(redact.object(updated).payload.updates.value));
    expect([...hidden]).toEqual(["[redacted:variable-value]"]);
  });
});

describe("a large value in parts", () => {
  const rows = (count: number) =>
    Array.from({ length: count }, (_, n) => ({
      id: `row-${n}`,
      message: `${"Loaded 12 rows of table orders. ".repeat(1_000)} password=h0rse${n}`,
      [`pnu_${"k0".repeat(12)}${n}`]: { api_key: `abc123def${n}` },
    }));

  test("becomes what it becomes in one, and the process has a pause for every 256 K characters", async () => {
    let pauses = 0;
    const pause = async () => {
      pauses += 1;
    };
    const value = rows(100);
    expect(await redact.inParts(value, redact.object, pause)).toEqual(redact.object(value));
    const parts = Math.floor(JSON.stringify(value).length / (256 * 1024));
    expect(parts).toBeGreaterThan(10);
    expect(pauses).toBeGreaterThanOrEqual(parts);
  });

  test("is paused for nothing when it is small", async () => {
    const never = () => Promise.reject(new Error("a pause"));
    expect(await redact.inParts(rows(2), redact.object, never)).toEqual(redact.object(rows(2)));
  });

  test("does not change what is redacted during its pauses", async () => {
    const small = { message: "password=h0rse1 and nothing else", token: "abc123def" };
    const seen: unknown[] = [];
    const pause = async () => void seen.push(redact.object(small), redact.text("password=h0rse0"));
    await redact.inParts(rows(30), redact.object, pause);
    expect(seen.length).toBeGreaterThan(4);
    expect(new Set(seen.map((one) => JSON.stringify(one)))).toEqual(
      new Set([JSON.stringify(redact.object(small)), JSON.stringify(redact.text("password=h0rse0"))]),
    );
  });

  test("hides the secrets of AWS beside a key id in another part", async () => {
    const secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    const value = [{ message: `AKIA${"A2".repeat(8)}` }, ...rows(30), { message: `and ${secret}` }];
    const clean = await redact.inParts(value, redact.object, async () => {});
    expect(clean).toEqual(redact.object(value));
    expect(JSON.stringify(clean)).not.toContain(secret);
  });
});

describe("properties, over random data", () => {
  /** Mulberry32: the same data on every run. */
  function random(seed: number): () => number {
    let state = seed;
    return () => {
      state = (state + 0x6d2b79f5) | 0;
      let t = Math.imul(state ^ (state >>> 15), 1 | state);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
  }
  const CREDENTIALS = ["ada:correct horse battery", PREFECT, "pässword-ü"];
  const SECRETS = [...SHAPES.map(([, secret]) => secret), "correct horse battery", "pässword-ü", "://u:s3cr3t-url@h"];
  const FILLER = [
    "a",
    "Z9",
    " ",
    "\n",
    '"',
    "\\",
    "/",
    ":",
    "@",
    "=",
    "-",
    "_",
    ".",
    "é",
    "\u{1f600}",
    "Bearer ",
    "://",
    "eyJ",
    "sk-",
    "[redacted:",
    "]",
  ];

  test("every secret is replaced, all else is kept, and a second pass changes nothing", () => {
    const both = createRedactor({ credentials: CREDENTIALS });
    const next = random(20261122);
    const pick = <T>(items: readonly T[]): T => items[Math.floor(next() * items.length)] as T;
    const filler = () => Array.from({ length: Math.floor(next() * 6) }, () => pick(FILLER)).join("");
    let planted: string[] = [];
    const text = (): string => {
      if (next() < 0.6) return filler();
      const secret = pick(SECRETS);
      planted.push(secret);
      return `${filler()} ${secret} ${filler()}`;
    };
    const value = (depth: number): unknown => {
      const kind = next();
      if (depth > 3 || kind < 0.5) return text();
      if (kind < 0.6) return pick([null, true, false, 0, 1.5, -3]);
      const size = Math.floor(next() * 4);
      if (kind < 0.8) return Array.from({ length: size }, () => value(depth + 1));
      return Object.fromEntries(Array.from({ length: size }, (_, index) => [`k${index}`, value(depth + 1)]));
    };
    for (let round = 0; round < 1500; round += 1) {
      planted = [];
      const event = anEvent({ payload: { value: value(0), more: value(0) } });
      const json = JSON.stringify(event);
      const clean = both.event(event);
      const cleanJson = JSON.stringify(clean);
      for (const secret of planted) expect(cleanJson).not.toContain(JSON.stringify(secret).slice(1, -1));
      expect(JSON.stringify(event)).toBe(json);
      expect(both.event(clean)).toBe(clean);
      const asText = both.text(json);
      expect(both.text(asText)).toBe(asText);
      for (const secret of planted) expect(asText).not.toContain(JSON.stringify(secret).slice(1, -1));
      if (planted.length === 0 && !/bearer|redacted/i.test(json)) expect(clean).toBe(event);
    }
  });

  test("the text around a secret is kept", () => {
    const next = random(7);
    const words = ["run", "amber-heron", "failed", "at", "2026-11-22T11:21:37Z", "(exit 1)", "{'a': 1}", "50%", "\n"];
    for (let round = 0; round < 2000; round += 1) {
      const [kind, secret] = SHAPES[Math.floor(next() * SHAPES.length)] as (typeof SHAPES)[number];
      const around = () =>
        Array.from({ length: Math.floor(next() * 5) }, () => words[Math.floor(next() * words.length)]).join(" ");
      const [before, after] = [around(), around()];
      expect(redact.text(`${before} ${secret} ${after}`)).toBe(`${before} [redacted:${kind}] ${after}`);
    }
  });
});
