import { describe, expect, test } from "bun:test";
import { createRedactor } from "../../../src/model/secrets/redact.ts";
import { seededRandom } from "../../support/random.ts";
import { fromTemplate, password, privateKey, TOKEN_TEMPLATES } from "./secret-samples.ts";

const redact = createRedactor({ credentials: [] });
const RUN = "6631dbb2-71aa-477b-a140-8141a7cd54f4";

interface Line {
  readonly message: string;
  readonly name: string;
  readonly flow_run_id: string | null;
  readonly task_run_id: string | null;
}

const line = (message: string, more: Partial<Line> = {}): Line => ({
  message,
  name: "prefect.flow_runs",
  flow_run_id: RUN,
  task_run_id: null,
  ...more,
});
const lines = (messages: readonly string[]) => messages.map((message) => line(message));
const clean = (messages: readonly string[]) => redact.logs(lines(messages)).map(({ message }) => message);
const LABELS = ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "ENCRYPTED PRIVATE KEY"];

/** The lines of the text between the edges. */
function bodyOf(pem: string): string[] {
  return pem.split("\n").filter((text) => !text.startsWith("-----"));
}

describe("a private key in one text", () => {
  test("is replaced as a whole, also when its line breaks are escaped or spaces", () => {
    const random = seededRandom(1);
    for (const label of LABELS) {
      const pem = privateKey(random, label, 12);
      for (const [before, key, after] of [
        ["", pem, ""],
        ["key:\n", pem, "\ndone"],
        ['{"private_key": "', pem.replaceAll("\n", "\\n"), '\\n", "x": 1}'],
        ['"{\\"k\\": \\"', pem.replaceAll("\n", "\\\\n"), '\\"}"'],
        ["KEY='", pem.replaceAll("\n", " "), "'"],
        ["k=", encodeURIComponent(pem), "&x=1"],
        ["k: |\n", pem.replaceAll(/^/gm, "    "), "\n"],
      ] as const) {
        const found = redact.text(`${before}${key}${after}`);
        for (const part of bodyOf(pem)) expect(found).not.toContain(part);
        expect(found.trimEnd().endsWith(after.trimEnd())).toBe(true);
        expect(found.startsWith(before.trimEnd())).toBe(true);
        expect(redact.text(found)).toBe(found);
      }
    }
  });

  test("is replaced as far as it is there when it was cut at its beginning or end", () => {
    const random = seededRandom(2);
    for (let round = 0; round < 50; round += 1) {
      const pem = privateKey(random, "RSA PRIVATE KEY", 8);
      const at = 40 + Math.floor(random() * (pem.length - 80));
      const [head, tail] = [pem.slice(0, at), pem.slice(at)];
      for (const part of bodyOf(pem).filter((text) => head.includes(text)))
        expect(redact.text(`loaded ${head}`)).not.toContain(part);
      for (const part of bodyOf(pem).filter((text) => tail.includes(text)))
        expect(redact.text(tail)).not.toContain(part);
      expect(redact.text(`loaded ${head}... [truncated] by the handler`)).toEndWith(" [truncated] by the handler");
    }
  });

  test("certificates and public keys are kept", () => {
    const random = seededRandom(3);
    for (const label of ["CERTIFICATE", "PUBLIC KEY", "CERTIFICATE REQUEST"]) {
      const pem = privateKey(random, label, 6);
      expect(redact.text(pem)).toBe(pem);
      expect(clean(pem.split("\n"))).toEqual(pem.split("\n"));
    }
  });
});

describe("a secret that is spread over log lines", () => {
  test("a private key, one line of it in each row, is replaced; the rows around it are kept", () => {
    const random = seededRandom(4);
    for (const label of LABELS) {
      const pem = privateKey(random, label, 5);
      const found = clean(["Reading the key", ...pem.split("\n"), "Done", "next step"]);
      expect(found).toEqual([
        "Reading the key",
        "[redacted:private-key-start]",
        ...bodyOf(pem).map(() => "[redacted:private-key-part]"),
        "[redacted:private-key-end]",
        "Done",
        "next step",
      ]);
    }
  });

  test("a private key that was cut anywhere into rows, with a label in each, among rows of other loggers", () => {
    const random = seededRandom(5);
    for (let round = 0; round < 150; round += 1) {
      const pem = privateKey(random, "RSA PRIVATE KEY", 7);
      const rows = pem.split("\n");
      const size = 1 + Math.floor(random() * 3);
      const parts = Array.from({ length: Math.ceil(rows.length / size) }, (_, at) =>
        rows.slice(at * size, (at + 1) * size).join("\n"),
      );
      const label = round % 3 === 0 ? "PID 4711 stream output:\n" : "";
      const all = parts.flatMap((part) => [
        line(`${label}${part}`),
        line("Heartbeat of another task", { task_run_id: "0198f0b0-4100-4aa1-9d11-2c3d4e5f6071" }),
      ]);
      const found = redact.logs(all);
      const text = found.map(({ message }) => message).join("\n");
      for (const part of bodyOf(pem)) expect(text).not.toContain(part);
      expect(found.filter(({ message }) => message === "Heartbeat of another task")).toHaveLength(parts.length);
      expect(redact.logs(found)).toEqual(found);
    }
  });

  test("a private key whose rows have other rows of the same logger between them", () => {
    const random = seededRandom(15);
    for (let round = 0; round < 50; round += 1) {
      const pem = privateKey(random, "PRIVATE KEY", 5);
      const others = [
        "Heartbeat",
        "Finished in state Completed()",
        "0198f0b0-4100-4aa1-9d11-2c3d4e5f6071",
        "2026-11-30",
      ];
      const rows = pem.split("\n").flatMap((row, at) => [row, ...others.slice(0, (at * round) % 5)]);
      const found = clean(rows);
      for (const part of bodyOf(pem)) expect(found.join("\n")).not.toContain(part);
      expect(found.filter((row) => others.includes(row))).toEqual(rows.filter((row) => others.includes(row)));
      expect(clean(found)).toEqual(found);
    }
  });

  test("a value whose name was cut between two rows", () => {
    const random = seededRandom(16);
    for (let round = 0; round < 20; round += 1) {
      const secret = password(random, 20, "");
      for (let at = 2; at < 8; at += 1) {
        const text = `connect DB_PASSWORD=${secret} now`;
        const found = clean([text.slice(0, 11 + at), text.slice(11 + at)]);
        expect(found.join("")).not.toContain(secret);
      }
    }
  });

  test("the rest of a value that was cut, in a row of its own", () => {
    const random = seededRandom(17);
    for (let round = 0; round < 50; round += 1) {
      const secret = password(random, 32, "");
      const found = clean([`DB_PASSWORD=${secret.slice(0, 12)}`, secret.slice(12), "Done"]);
      expect(found).toEqual(["DB_PASSWORD=[redacted:named-secret]", "[redacted:named-secret]", "Done"]);
    }
    const plain = ["token=[redacted:named-secret]", "Completed", "run-17", "SUCCESS", "etl"];
    expect(clean(plain)).toEqual(plain);
  });

  test("the result is the same for every division into batches when the last one sees its neighbours", () => {
    const random = seededRandom(6);
    for (let round = 0; round < 60; round += 1) {
      const pem = privateKey(random, "PRIVATE KEY", 4);
      const all = lines(["start", ...pem.split("\n"), "end of run"]);
      const whole = redact.logs(all);
      const cut = 1 + Math.floor(random() * (all.length - 1));
      const [first, last] = [redact.logs(all.slice(0, cut)), redact.logs(all.slice(cut))];
      expect(redact.logs([...first, ...last])).toEqual(whole);
    }
  });

  test("the value in the row after its name", () => {
    const secret = password(seededRandom(7), 20, "+/");
    expect(clean(["user: ada", "password:", secret, "connected"])).toEqual([
      "user: ada",
      "password:",
      "[redacted:named-secret]",
      "connected",
    ]);
    expect(clean(["AWS_SECRET_ACCESS_KEY =", secret])[1]).toBe("[redacted:named-secret]");
    const plain = ["Enter password:", "Connected", "status:", "abc123def"];
    expect(clean(plain)).toEqual(plain);
  });

  test("a secret key of AWS in another row of the run than its key id", () => {
    const random = seededRandom(8);
    const id = fromTemplate("AKIA{16:U}", random);
    const secret = fromTemplate("{38:b}aZ", random);
    expect(clean([`key id ${id}`, "and then", `the rest ${secret}`])).toEqual([
      "key id [redacted:aws-access-key-id]",
      "and then",
      "the rest [redacted:aws-secret-key]",
    ]);
  });

  test("a token that was cut between two rows", () => {
    const random = seededRandom(9);
    for (const template of ["ghp_{36:a}", "glpat-{20:a}", "sk-ant-api03-{93:a}AA", "eyJ{30:a}.eyJ{60:a}.{43:a}"]) {
      const token = fromTemplate(template, random);
      for (let at = 5; at < token.length - 8; at += 1) {
        const found = clean([`the token is ${token.slice(0, at)}`, `${token.slice(at)}`, "next"]);
        const text = found.join("");
        expect(text).not.toContain(token.slice(at));
        expect(found.at(-1)).toBe("next");
      }
    }
    expect(TOKEN_TEMPLATES.length).toBeGreaterThan(60);
  });

  test("ordinary rows are returned as they are, in the same array", () => {
    const rows = lines([
      "Beginning flow run 'amber-heron' for flow 'etl'",
      "Created task run 'extract-0' for task 'extract'",
      "Executing 'extract-0' immediately...",
      "Finished in state Completed()",
      "Completed",
      "0198f0b0-4100-7aa1-9d11-2c3d4e5f6071",
      "2026-11-30T10:00:00Z",
      "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    ]);
    const found = redact.logs(rows);
    expect(found).toEqual(rows);
    for (const [at, row] of rows.entries()) expect(found[at]).toBe(row);
  });
});
