/** What redaction changes in a workspace whose secrets are known: the recorded answers of a real Prefect, and the demo's workspace. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { loadWorkspace } from "../../../src/demo/workspace.ts";
import type { LogMessage } from "../../../src/model/secrets/log-lines.ts";
import { createRedactor } from "../../../src/model/secrets/redact.ts";

const FIXTURES = join(import.meta.dir, "../../fixtures/prefect-3.8.8");
const redact = createRedactor({ credentials: [] });

/** Of the recorded servers that ask for credentials. */
const CREDENTIALS: ReadonlySet<string> = new Set([
  `Basic ${btoa("admin:pass")}`,
  `Basic ${btoa("admin:wrong")}`,
  "Bearer admin:pass",
]);
const CSRF_TOKEN = /^[0-9a-f]{64}$/;

interface Change {
  readonly before: string;
  readonly after: string;
}

/** Every text of the value, names of fields too, beside the text at its place in `clean`. */
function* textsOf(value: unknown, clean: unknown): Generator<Change> {
  if (typeof value !== "object" || value === null || typeof clean === "string") {
    if (typeof value === "string" || value !== clean) yield { before: String(value), after: String(clean) };
    return;
  }
  const after = Object.entries(clean as object);
  for (const [at, [key, member]] of Object.entries(value).entries()) {
    const [cleanKey, cleanMember] = after[at] ?? ["", undefined];
    if (!Array.isArray(value)) yield { before: key, after: cleanKey };
    yield* textsOf(member, cleanMember);
  }
}

function read(name: string): unknown {
  const text = readFileSync(join(FIXTURES, name), "utf8");
  return name.endsWith(".jsonl")
    ? text
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line))
    : JSON.parse(text);
}

const rate = (changed: number, all: number) => `${changed} of ${all} texts (${((100 * changed) / all).toFixed(3)} %)`;

describe("false positives", () => {
  test("there are none in the recorded answers of a real Prefect", () => {
    const names = readdirSync(FIXTURES).filter((name) => /\.jsonl?$/.test(name));
    const texts = names.map(read).flatMap((value) => [...textsOf(value, redact.object(value))]);
    const changed = texts.filter(({ before, after }) => before !== after);
    const isSecret = ({ before, after }: Change) =>
      CREDENTIALS.has(before) || CSRF_TOKEN.test(before) || after === "[redacted:variable-value]";
    const wrong = changed.filter((change) => !isSecret(change));
    process.stdout.write(`redaction wrongly changes ${rate(wrong.length, texts.length)} of the recorded answers\n`);
    expect(wrong).toEqual([]);
    expect(new Set(changed.map(({ after }) => after)).size).toBe(3);
    expect(texts.length).toBeGreaterThan(10_000);
  });

  test("there are none in the demo's workspace, its logs read as rows, and its texts read as one text", () => {
    const workspace = loadWorkspace();
    const texts = [...textsOf(workspace, redact.object(workspace))];
    const rows: LogMessage[] = workspace.families.flatMap(({ logs }) => logs);
    const lines = redact.logs(rows);
    texts.push(...rows.map(({ message }, at) => ({ before: message, after: lines[at]?.message ?? "" })));
    const json = JSON.stringify(workspace, null, 1);
    for (const line of json.split("\n")) texts.push({ before: line, after: redact.text(line) });
    const changed = texts.filter(({ before, after }) => before !== after);
    process.stdout.write(`redaction wrongly changes ${rate(changed.length, texts.length)} of the demo's workspace\n`);
    expect(changed).toEqual([]);
    expect(redact.text(json)).toBe(json);
    expect(texts.length).toBeGreaterThan(50_000);
  });
});
