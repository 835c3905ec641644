/** Secrets that are spread over log lines are redacted in the record in whatever batches and order the lines arrive. */
import { expect, test } from "bun:test";
import { formatIsoUs } from "../../../src/lib/time.ts";
import type { Log } from "../../../src/model/objects.ts";
import { parseSearchTerms } from "../../../src/model/text/search-terms.ts";
import { findLogsOfFlowRun } from "../../../src/store/logs/logs.ts";
import { findLogsByText } from "../../../src/store/search/text.ts";
import { fromTemplate, password, privateKey } from "../../model/secrets/secret-samples.ts";
import { aLog, anId, T0_US } from "../../support/builders.ts";
import { ingestOf } from "../../support/harness-ingest.ts";
import { seededRandom } from "../../support/random.ts";
import { openToolHarness } from "../../support/tool-harness.ts";

const RUN = anId(77);

async function recorded(batches: readonly (readonly ReturnType<typeof aLog>[])[]) {
  const harness = await openToolHarness();
  const ingest = ingestOf(harness);
  for (const rows of batches) ingest.logs(rows, T0_US, {});
  return harness;
}

/** Which kind a line was taken for may depend on the lines that were there. */
function withoutKinds(lines: readonly Log[]): Log[] {
  return lines.map((line) => ({ ...line, message: line.message.replace(/\[redacted:[a-z0-9-]+\]/g, "[redacted]") }));
}

test("in any division into batches and any order of them, the record is the same", async () => {
  const random = seededRandom(20261130);
  for (let round = 0; round < 60; round += 1) {
    const pem = privateKey(random, "RSA PRIVATE KEY", 6).split("\n");
    const id = fromTemplate("AKIA{16:U}", random);
    const aws = fromTemplate("{38:b}aZ", random);
    const secret = password(random, 16, "+/");
    const messages = ["start", ...pem, "Done", `key id ${id}`, `its key ${aws}`, "password:", secret, "end of run"];
    const lines = messages.map((message, n) =>
      aLog({ id: anId(5_000 + n), flow_run_id: RUN, message, timestamp: formatIsoUs(T0_US + n * 250) }),
    );
    await using whole = await recorded([lines]);
    const expected = findLogsOfFlowRun(whole.db, RUN);
    const text = expected.map(({ message }) => message).join("\n");
    for (const part of [...pem.filter((line) => !line.startsWith("-----")), id, aws, secret])
      expect(text).not.toContain(part);
    expect(expected.map(({ message }) => message).filter((message) => !message.includes("[redacted:"))).toEqual([
      "start",
      "Done",
      "password:",
      "end of run",
    ]);

    const batches: (typeof lines)[] = [];
    for (let at = 0; at < lines.length; ) {
      const size = 1 + Math.floor(random() * 5);
      batches.push(lines.slice(at, at + size));
      at += size;
    }
    const shuffled = batches
      .map((rows) => ({ rows: random() < 0.5 ? rows : rows.toReversed(), at: random() }))
      .toSorted((a, b) => a.at - b.at)
      .map(({ rows }) => rows);
    await using parts = await recorded(shuffled);
    expect(withoutKinds(findLogsOfFlowRun(parts.db, RUN))).toEqual(withoutKinds(expected));
  }
});

test("a key and the two keys of AWS are redacted where hundreds of lines of other tasks are between their lines", async () => {
  const random = seededRandom(20261201);
  const pem = privateKey(random, "RSA PRIVATE KEY", 6).split("\n");
  const id = fromTemplate("AKIA{16:U}", random);
  const aws = fromTemplate("{38:b}aZ", random);
  let n = 0;
  const next = (message: string, task_run_id: string | null = null) => {
    n += 1;
    return aLog({
      id: anId(20_000 + n),
      flow_run_id: RUN,
      task_run_id,
      message,
      timestamp: formatIsoUs(T0_US + n * 250),
    });
  };
  const others = () => Array.from({ length: 120 }, (_, at) => next(`row ${at} of another task`, anId(9)));
  const batches = [...pem, `key id ${id}`, `its key ${aws}`].flatMap((message) => [[next(message)], others()]);
  for (const order of [batches, batches.toReversed()]) {
    await using harness = await recorded(order);
    const text = findLogsOfFlowRun(harness.db, RUN)
      .map(({ message }) => message)
      .join("\n");
    for (const part of [...pem.filter((line) => !line.startsWith("-----")), id, aws]) expect(text).not.toContain(part);
    expect(text.match(/ of another task/g)).toHaveLength((120 * batches.length) / 2);
  }
});

test("the words of a line that is redacted later leave the text index", async () => {
  const secret = "hunter2xyz";
  const line = (n: number, message: string) =>
    aLog({ id: anId(6_000 + n), flow_run_id: RUN, message, timestamp: formatIsoUs(T0_US + n) });
  await using harness = await recorded([[line(2, secret)], [line(1, "password:")]]);
  const found = (text: string) =>
    findLogsByText(harness.db, {
      terms: parseSearchTerms(text),
      fromUs: T0_US,
      toUs: T0_US + 10,
      limit: 10,
    }).logs.map(({ log }) => log.message);
  expect(findLogsOfFlowRun(harness.db, RUN).map(({ message }) => message)).toEqual([
    "password:",
    "[redacted:named-secret]",
  ]);
  expect(found(secret)).toEqual([]);
  expect(found("redacted")).toEqual(["[redacted:named-secret]"]);
  const words = harness.db.prepare<{ n: number }, [string]>("SELECT count(*) AS n FROM log_fts WHERE log_fts MATCH ?");
  expect(words.get(secret)?.n).toBe(0);
});
