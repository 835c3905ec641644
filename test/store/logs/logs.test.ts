import { describe, expect, test } from "bun:test";
import { formatIsoUs } from "../../../src/lib/time.ts";
import type { Log } from "../../../src/model/objects.ts";
import { inTransaction, openRecord } from "../../../src/store/database.ts";
import {
  findLogs,
  findLogsOfFlowRun,
  type LogCursor,
  type LogQuery,
  upsertLogs,
} from "../../../src/store/logs/logs.ts";
import { aLog, anId, T0_US } from "../../support/builders.ts";
import { seededRandom } from "../../support/random.ts";

const [RUN, OTHER, TASK] = [anId(11), anId(12), anId(13)];

function record(rows: readonly Log[]) {
  const db = openRecord(":memory:", "write");
  const added = inTransaction(db, () => upsertLogs(db, rows));
  return { db, added };
}

/** A line as the record returns it: `created` and `updated` are not stored. */
function held({ created: _, updated: __, ...log }: Log): Log {
  return log;
}

describe("log lines", () => {
  test("are stored once each, in the server's order where timestamps are equal", () => {
    const lines = Array.from({ length: 300 }, (_, n) =>
      aLog({ id: anId(900 - n), flow_run_id: RUN, message: `line ${n}` }),
    );
    const { db, added } = record(lines);
    expect(added).toBe(300);
    expect(
      inTransaction(db, () =>
        upsertLogs(db, [...lines.slice(250), aLog({ flow_run_id: RUN, timestamp: "not a time" })]),
      ),
    ).toBe(0);
    expect(findLogsOfFlowRun(db, RUN)).toEqual(lines.map(held));
    expect(findLogsOfFlowRun(db, RUN.toUpperCase())).toHaveLength(300);
    expect([findLogsOfFlowRun(db, OTHER), findLogsOfFlowRun(db, "no id")]).toEqual([[], []]);
  });

  test("have their number in the run under any filter, in both orders", () => {
    const lines = Array.from({ length: 50 }, (_, n) =>
      aLog({
        flow_run_id: n % 5 === 4 ? OTHER : RUN,
        level: n % 10 === 0 ? 40 : 20,
        timestamp: formatIsoUs(T0_US + Math.floor(n / 3)),
        message: n % 7 ? "ok" : "50%_done",
        task_run_id: n % 2 ? TASK : null,
      }),
    );
    const { db } = record(lines);
    const numbers = (query: Partial<LogQuery>) =>
      findLogs(db, { flowRunIds: [RUN], order: "asc", limit: 100, ...query }).logs.map(({ n, log }) => [n, log.id]);
    const own = lines.filter((line) => line.flow_run_id === RUN);
    const expected = (test: (line: Log) => boolean) => own.flatMap((line, n) => (test(line) ? [[n + 1, line.id]] : []));
    expect(numbers({})).toEqual(expected(() => true));
    expect(numbers({ order: "desc", limit: 3 })).toEqual(
      expected(() => true)
        .slice(-3)
        .reverse(),
    );
    expect(numbers({ minLevel: 30 })).toEqual(expected((line) => line.level >= 30));
    expect(numbers({ text: "50%_DONE" })).toEqual(expected((line) => line.message === "50%_done"));
    expect(numbers({ text: "5%" })).toEqual([]);
    expect(numbers({ taskRunIds: [TASK] })).toEqual(expected((line) => line.task_run_id === TASK));
    expect(numbers({ sinceUs: T0_US + 4, untilUs: T0_US + 6 })).toEqual(
      expected((line) => ["04", "05", "06"].some((us) => line.timestamp.endsWith(`${us}Z`))),
    );
    expect(findLogs(db, { flowRunIds: [RUN, OTHER], order: "asc", limit: 4 })).toMatchObject({
      hasMore: true,
      logs: [{ n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }],
    });
    expect(findLogs(db, { flowRunIds: [OTHER], order: "asc", limit: 2 }).logs.map(({ n }) => n)).toEqual([1, 2]);
    expect(findLogs(db, { flowRunIds: [], order: "asc", limit: 2 })).toEqual({ logs: [], hasMore: false });
  });

  test("without a flow run have no number; text beyond ASCII is found in either case", () => {
    const lines = [
      aLog({ flow_run_id: null, task_run_id: TASK, message: "Größe ÄNDERN" }),
      aLog({ flow_run_id: null, message: "plain" }),
    ];
    const { db } = record(lines);
    const query = { order: "asc", limit: 10 } as const;
    expect(findLogs(db, { ...query, text: "ändern" }).logs).toMatchObject([{ n: null, log: held(lines[0] ?? aLog()) }]);
    expect(findLogs(db, query).logs).toHaveLength(2);
  });

  test("are returned completely and once each over pages, in both orders", () => {
    const random = seededRandom(5);
    const lines = Array.from({ length: 400 }, () =>
      aLog({
        flow_run_id: random() < 0.5 ? RUN : OTHER,
        level: random() < 0.3 ? 40 : 20,
        timestamp: formatIsoUs(T0_US + 1 + Math.floor(random() * 60)),
        message: random() < 0.5 ? "größer" : "kleiner",
      }),
    );
    const { db } = record(lines);
    const at = ({ timestamp }: Log) => timestamp;
    for (const order of ["asc", "desc"] as const) {
      for (const filter of [{}, { minLevel: 40 }, { text: "RÖßER" }]) {
        const found: string[] = [];
        let after: LogCursor | undefined;
        for (;;) {
          const page = findLogs(db, { flowRunIds: [RUN], order, limit: 7, ...filter, ...(after ? { after } : {}) });
          found.push(...page.logs.map(({ log }) => log.id));
          after = page.logs.at(-1);
          if (!page.hasMore) break;
        }
        const expected = lines
          .filter(
            (line) =>
              line.flow_run_id === RUN &&
              line.level >= ("minLevel" in filter ? 40 : 0) &&
              (!("text" in filter) || line.message === "größer"),
          )
          .sort((a, b) => (at(a) < at(b) ? -1 : at(a) > at(b) ? 1 : 0))
          .map(({ id }) => id);
        expect(found).toEqual(order === "asc" ? expected : expected.reverse());
      }
    }
  });
});
