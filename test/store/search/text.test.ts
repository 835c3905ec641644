import { describe, expect, test } from "bun:test";
import { parseIsoUs } from "../../../src/lib/time.ts";
import type { PrefectEvent } from "../../../src/model/events/event.ts";
import { parseSearchTerms } from "../../../src/model/text/search-terms.ts";
import { inTransaction, openRecord, type RecordDb } from "../../../src/store/database.ts";
import { createEventWriter, type EventCursor } from "../../../src/store/events/events.ts";
import { type LogCursor, upsertLogs } from "../../../src/store/logs/logs.ts";
import { findEventsByText, findLogsByText } from "../../../src/store/search/text.ts";
import { aLog, anEvent, anId, at, T0_US } from "../../support/builders.ts";
import { seededRandom } from "../../support/random.ts";
import { pick } from "../events/random-events.ts";

const ALL = { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER };

function found(
  db: RecordDb,
  query: string,
  given: { fromUs?: number; toUs?: number; limit?: number; after?: EventCursor } = {},
): string[] {
  return findEventsByText(db, { ...ALL, limit: 100, terms: parseSearchTerms(query), ...given }).events.map(
    ({ id }) => id,
  );
}

function record(events: readonly PrefectEvent[]): RecordDb {
  const db = openRecord(":memory:", "write");
  inTransaction(db, () => createEventWriter(db).insert(events, "live", 1));
  return db;
}

/** The event among a hundred others, so that it is in a full block and the word index is used. */
function among(event: PrefectEvent, fillers = 620): RecordDb {
  const others = Array.from({ length: fillers }, (_, n) => anEvent({ occurred: at(n + 10), event: "other.thing" }));
  return record([event, ...others]);
}

describe("a search of events", () => {
  const event = anEvent({
    id: anId(1),
    event: "prefect.flow-run.Failed",
    resource: { "prefect.resource.id": "prefect.flow-run.0198f0af-9c1e-7d3a", "prefect.resource.name": "Amber-Heron" },
    related: [{ "prefect.resource.id": "s3://lake/orders", "prefect.resource.role": "asset", "odd key": "v" }],
    payload: {
      error: "Division by ZERO\nin façade",
      deep: [{ reason: "disk   full" }, 42, true],
      state: { name: "Ω-Größe ς" },
    },
  });

  for (const filler of [0, 620]) {
    test(`finds name, resource, related and payload, keys and string values (${filler} other events)`, () => {
      const db = among(event, filler);
      const hits = [
        "amber",
        "HERON",
        "failed flow-run",
        "0198f0af",
        "lake orders",
        "asset",
        "odd",
        "reason",
        "division zero facade",
        "FACADE",
        "größe",
        "GROSSE -x",
        "grosse",
        "Ω",
        "σ",
        "error deep",
      ];
      const hit = hits.filter((query) => found(db, query).includes(event.id));
      expect(hit).toEqual(hits.filter((query) => !/gro?sse/i.test(query)));
      for (const query of ["42", "true", "amb", "zer", "nothing", "amber nothing", anId(1)])
        expect([query, found(db, query)]).toEqual([query, []]);
    });
  }

  test("handles phrases, prefixes and exclusions exactly", () => {
    const db = among(event);
    for (const query of [
      '"division by zero"',
      '"by zero in facade"',
      "div*",
      '"division by z"*',
      "amber -running",
      "-other",
      'amber -"zero division"',
      "flow-run",
      '"full',
      "dis* fu*",
    ])
      expect([query, found(db, query)]).toEqual([query, [event.id]]);
    for (const query of [
      '"zero by"',
      "amber -heron",
      "amber -her*",
      '"division zero"',
      "flow-walk",
      "ivision*",
      '"disk fullness"',
    ])
      expect([query, found(db, query)]).toEqual([query, []]);
  });

  test("stays within the range and pages newest first", () => {
    const events = Array.from({ length: 230 }, (_, n) =>
      anEvent({ id: anId(n), occurred: at(n), payload: { text: n % 3 ? "needle" : "hay" } }),
    );
    const db = record(events);
    const expected = events
      .filter((_, n) => n % 3)
      .map(({ id }) => id)
      .reverse();
    expect(found(db, "needle", { limit: 500 })).toEqual(expected);
    expect(found(db, "needle", { fromUs: T0_US + 10e6, toUs: T0_US + 13e6 })).toEqual([13, 11, 10].map((n) => anId(n)));
    const page = findEventsByText(db, {
      ...ALL,
      limit: 7,
      terms: parseSearchTerms("needle"),
      after: { occurredUs: T0_US + 199e6, id: anId(199) },
    });
    expect([page.events.map(({ id }) => id), page.hasMore]).toEqual([
      [197, 196, 194, 193, 191, 190, 188].map((n) => anId(n)),
      true,
    ]);
    expect(
      findEventsByText(db, { ...ALL, limit: 3, order: "asc", terms: parseSearchTerms("needle") }).events.map(
        ({ id }) => id,
      ),
    ).toEqual([1, 2, 4].map((n) => anId(n)));
  });

  test("does not find what was deleted or replaced", () => {
    const db = among(event);
    inTransaction(db, () =>
      createEventWriter(db).insert([{ ...event, received: at(99), payload: { error: "timeout" } }], "live", 1),
    );
    expect([found(db, "zero"), found(db, "timeout")]).toEqual([[], [event.id]]);
    db.sqlite.run("DELETE FROM event WHERE shift = 0 AND src = 5 AND t < ?", [T0_US + 5]);
    expect(found(db, "timeout")).toEqual([]);
  });

  test("finds the same events as a test of every event", () => {
    const random = seededRandom(3);
    const words = ["disk", "full", "Disk", "é", "e", "e\u0301", "a-b", "a", "b", "x1", "x2", "日本", "naïve", "naive"];
    const events = Array.from({ length: 700 }, (_, n) =>
      anEvent({
        id: anId(n),
        occurred: at(Math.floor(random() * 500)),
        payload: { text: [1, 2, 3, 4].map(() => pick(random, words)).join(pick(random, [" ", "-", ", "])) },
      }),
    );
    const db = record(events);
    for (let n = 0; n < 60; n += 1) {
      const query = [1, 2, 3]
        .slice(0, 1 + Math.floor(random() * 3))
        .map(
          () =>
            `${pick(random, ["", "", "-"])}${random() < 0.2 ? `"${pick(random, words)} ${pick(random, words)}"` : pick(random, words)}${pick(random, ["", "", "*"])}`,
        )
        .join(" ");
      const fold = (text: string) =>
        text
          .toLowerCase()
          .normalize("NFD")
          .replace(/[\u0300-\u036f]/g, "")
          .split(/[^\p{L}\p{N}]+/u)
          .filter(Boolean);
      const terms = [...query.matchAll(/(-?)("[^"]*"|[^\s"*]+)(\*?)/g)].map(([, minus, body = "", star]) => ({
        minus,
        words: fold(body),
        star,
      }));
      const has = (all: string[], term: { words: string[]; star: string | undefined }) =>
        all.some((_, from) =>
          term.words.every((word, k) =>
            term.star && k === term.words.length - 1 ? all[from + k]?.startsWith(word) : all[from + k] === word,
          ),
        );
      const expected = events
        .filter((one) => {
          const all = [
            one.event,
            ...Object.entries(one.resource).flat(),
            ...Object.entries(one.payload).flat().map(String),
          ].flatMap(fold);
          return terms.every((term) => has(all, term) !== (term.minus === "-"));
        })
        .sort((a, b) => (parseIsoUs(b.occurred) ?? 0) - (parseIsoUs(a.occurred) ?? 0) || (a.id < b.id ? 1 : -1));
      expect({ query, ids: found(db, query, { limit: 1000 }) }).toEqual({ query, ids: expected.map(({ id }) => id) });
    }
  });
});

describe("a search of scripts without spaces", () => {
  // Those of the report that led here, and one more script with marks between the letters.
  const ALPHABETS = ["连接失败超时数据库", "データベース接続失敗", "연결이끊어졌습니다", "การเชื่อมต่อล้มเหลว"].map(
    (text) => [...text],
  );
  const random = seededRandom(11);
  const textOf = (length: number) => Array.from({ length }, () => pick(random, pick(random, ALPHABETS))).join("");
  const mixedText = () => Array.from({ length: 4 }, () => textOf(6) + pick(random, [" ", "", ": ", " db1 "])).join("");
  const events = Array.from({ length: 700 }, (_, n) =>
    anEvent({ id: anId(n), occurred: at(n), payload: { text: mixedText() } }),
  );
  const messages = events.map(({ payload }) => String(payload.text));
  const lines = messages.map((message, n) =>
    aLog({ id: anId(n), flow_run_id: anId(9_000), timestamp: at(n), name: "logger", message }),
  );
  /** A run of one script, so that it has no spaces or signs. */
  const parts = Array.from({ length: 60 }, () => {
    const alphabet = pick(random, ALPHABETS);
    return Array.from({ length: 1 + Math.floor(random() * 2) }, () => pick(random, alphabet)).join("");
  });
  const db = record(events);
  inTransaction(db, () => upsertLogs(db, lines));
  const like = (part: string) =>
    messages
      .flatMap((text, n) =>
        db.sqlite.query<{ hit: number }, [string, string]>("SELECT ? LIKE '%' || ? || '%' AS hit").get(text, part)?.hit
          ? [anId(n)]
          : [],
      )
      .reverse();
  const logIds = (query: string) =>
    findLogsByText(db, { ...ALL, limit: 1_000, terms: parseSearchTerms(query) }).logs.map(({ log }) => log.id);

  test("finds what LIKE finds, in events and in log lines", () => {
    expect(parts.filter((part) => like(part).length > 0).length).toBeGreaterThan(30);
    for (const part of parts) {
      expect({ part, ids: found(db, part, { limit: 1_000 }) }).toEqual({ part, ids: like(part) });
      expect({ part, ids: logIds(part) }).toEqual({ part, ids: like(part) });
    }
  });

  test("finds sentences of the languages in longer texts", () => {
    const texts = [
      "错误：数据库连接失败，正在重试",
      "データベース接続に失敗しました",
      "데이터베이스 연결이 끊어졌습니다",
      "การเชื่อมต่อฐานข้อมูลล้มเหลว",
    ];
    for (const [text, query] of [
      [texts[0], "连接失败"],
      [texts[1], "接続 失敗"],
      [texts[2], '"연결이 끊"'],
      [texts[2], "연결"],
      [texts[3], "ฐานข้อมูล"],
    ] as const) {
      const one = anEvent({ id: anId(1), payload: { text } });
      expect([query, found(among(one), query)]).toEqual([query, [one.id]]);
      expect([query, found(among(anEvent({ payload: { text: "other" } })), query)]).toEqual([query, []]);
    }
  });

  test("does not take vowel signs for spaces", () => {
    const event = anEvent({ id: anId(1), payload: { text: "हिन्दी त्रुटि ⚠️ done" } });
    const db = among(event);
    for (const query of ["हिन्दी", "त्रुटि", '"त्रुटि done"'])
      expect([query, found(db, query)]).toEqual([query, [event.id]]);
    for (const query of ["हन", "द", "⚠️x"]) expect([query, found(db, query)]).toEqual([query, []]);
  });

  test("finds what the first version of the index holds as other words", () => {
    const one = anEvent({ id: anId(1), payload: { text: "数据库连接失败" } });
    const old = among(one);
    inTransaction(old, () => upsertLogs(old, [aLog({ id: anId(2), flow_run_id: anId(3), message: "数据库连接失败" })]));
    const asBefore = [..."数据库连接失败"].map((char) => `u${char.codePointAt(0)?.toString(16)}`).join("");
    const last = old.sqlite.query<{ id: number }, []>("SELECT max(id) AS id FROM block").get()?.id ?? 0;
    for (const [table, rowid] of [
      ["block_fts", 1],
      ["log_fts", 1],
    ] as const) {
      old.sqlite.run(`DELETE FROM ${table} WHERE rowid = ?`, [rowid]);
      old.sqlite.run(`INSERT INTO ${table}(rowid, text) VALUES (?, ?)`, [rowid, asBefore]);
    }
    const logs = () => findLogsByText(old, { ...ALL, limit: 9, terms: parseSearchTerms("连接") }).logs.length;
    expect([found(old, "连接"), logs()]).toEqual([[], 0]);
    old.sqlite.run("UPDATE sync_state SET value = json_object('block', ?, 'log', 1) WHERE key = 'text.before'", [last]);
    expect([found(old, "连接"), logs()]).toEqual([[one.id], 1]);
  });
});

describe("a search of parts of words", () => {
  test("finds what LIKE finds", () => {
    const random = seededRandom(12);
    const word = () => Array.from({ length: 3 + Math.floor(random() * 5) }, () => pick(random, [..."xyzq"])).join("");
    const texts = Array.from({ length: 700 }, () => `${word()} ${word()}-${word()}`);
    const db = record(texts.map((text, n) => anEvent({ id: anId(n), occurred: at(n), payload: { t: text } })));
    const words = texts.flatMap((text) => text.split(/[ -]/));
    for (let n = 0; n < 20; n += 1) {
      const part = pick(random, words).slice(1, 2 + Math.floor(random() * 4));
      const expected = (pattern: RegExp) =>
        texts.flatMap((text, at) => (pattern.test(text) ? [anId(at)] : [])).reverse();
      const ids = (query: string) => found(db, query, { limit: 1_000 });
      expect([part, ids(`*${part}*`)]).toEqual([part, expected(new RegExp(part))]);
      expect([part, ids(`*${part}`)]).toEqual([part, expected(new RegExp(`${part}\\b`))]);
      expect([part, ids(`${part}*`)]).toEqual([part, expected(new RegExp(`\\b${part}`))]);
    }
    expect(found(db, "*zzzzzzzzz*")).toEqual([]);
  });

  test("joins words of a phrase at its open ends", () => {
    const event = anEvent({ id: anId(1), payload: { text: "shop orders.batch-loaded twice" } });
    const db = among(event);
    for (const query of ["*rders.batch-lo*", '*"ders batch loaded tw"*', "*atch", "-*atchx* twice", "*Ders*"])
      expect([query, found(db, query)]).toEqual([query, [event.id]]);
    for (const query of ["*rders.bat.lo*", "twice -*rder*", '"*ders batch"', "*rderx*"])
      expect([query, found(db, query)]).toEqual([query, []]);
  });
});

describe("a search of log lines", () => {
  const lines = Array.from({ length: 120 }, (_, n) =>
    aLog({
      id: anId(n),
      name: n % 2 ? "prefect.task_runs" : "my.logger",
      flow_run_id: anId(7),
      timestamp: at(n),
      message: n % 4 ? `fetched page ${n}` : "Disk full: naïve retry",
    }),
  );
  const db = openRecord(":memory:", "write");
  inTransaction(db, () => upsertLogs(db, lines));
  const search = (query: string, limit = 200, after?: LogCursor) =>
    findLogsByText(db, { ...ALL, limit, terms: parseSearchTerms(query), ...(after ? { after } : {}) });

  test("handles words, phrases, prefixes and exclusions in message and logger, newest first, with line numbers", () => {
    const numbers = (query: string) => search(query).logs.map(({ n }) => n);
    const fourth = lines.flatMap((_, n) => (n % 4 ? [] : [n + 1])).reverse();
    expect(numbers("disk")).toEqual(fourth);
    expect(numbers('"full naive" my')).toEqual(fourth);
    expect(numbers("fetch* -task_runs 2")).toEqual([3]);
    expect(numbers("-disk -fetched")).toEqual([]);
    expect(numbers('"naive full"')).toEqual([]);
    expect(numbers("task_runs 13")).toEqual([14]);
  });

  test("returns pages", () => {
    const first = search("fetched", 10);
    expect(first.hasMore).toBe(true);
    const second = search("fetched", 200, first.logs.at(-1));
    expect([...first.logs, ...second.logs].map(({ log }) => log.id)).toEqual(
      search("fetched").logs.map(({ log }) => log.id),
    );
    expect(second.hasMore).toBe(false);
    expect(
      findLogsByText(db, { fromUs: T0_US, toUs: T0_US + 4e6, limit: 9, terms: parseSearchTerms("disk") }).logs.map(
        ({ n }) => n,
      ),
    ).toEqual([5, 1]);
  });
});
