import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { parseSearchTerms } from "../../src/model/text/search-terms.ts";
import {
  type Database,
  inSnapshot,
  inTransaction,
  isReplaced,
  openRecord,
  type RecordDb,
  rebuildRecord,
  whileUnchanged,
} from "../../src/store/database.ts";
import { createEventWriter, findEventRange, findEvents } from "../../src/store/events/events.ts";
import { expectedNames, MIGRATIONS, RECORD_VERSION } from "../../src/store/file/migrations.ts";
import { ensureDataDir, recordFileName } from "../../src/store/file/record-file.ts";
import { isDamage, sqliteCode } from "../../src/store/file/store-error.ts";
import { auditRunHours, countRunStates } from "../../src/store/runs/run-hours.ts";
import { findRunsByWords } from "../../src/store/search/names-by-words.ts";
import { findStateJson } from "../../src/store/sync-state.ts";
import { anEvent, anId, at } from "../support/builders.ts";
import { errorOf } from "../support/failure-of.ts";
import { tempRecordFile } from "./temp-record.ts";

const ALL = { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER, order: "asc", limit: 500 } as const;
const mode = (file: string) => (statSync(file).mode & 0o777).toString(8);
const some = (count: number, from = 0) =>
  Array.from({ length: count }, (_, n) =>
    anEvent({ id: anId(from + n), occurred: at(from + n), payload: { text: "x".repeat(500) } }),
  );

function fill(db: RecordDb, count: number, from = 0): void {
  inTransaction(db, () => createEventWriter(db).insert(some(count, from), "live", 1));
}

function filled(count = 60): string {
  const file = tempRecordFile();
  const db = openRecord(file, "write");
  fill(db, count);
  db.close();
  return file;
}

/** A plain connection, to damage files with. */
function plain(file: string): Database {
  const { sqlite } = openRecord(":memory:", "write");
  return new (sqlite.constructor as new (file: string) => Database)(file);
}

describe("a new record", () => {
  test("has a private folder and files, every table, index and trigger, and its version", () => {
    const file = tempRecordFile();
    const db = openRecord(file, "write");
    fill(db, 1);
    expect(db.notice).toBeNull();
    expect(mode(dirname(file))).toBe("700");
    for (const name of readdirSync(dirname(file)))
      expect([name, mode(join(dirname(file), name))]).toEqual([name, "600"]);
    const names = db.sqlite
      .query<{ name: string }, []>("SELECT name FROM sqlite_schema")
      .all()
      .map(({ name }) => name);
    expect(expectedNames().filter((name) => !names.includes(name))).toEqual([]);
    expect(db.sqlite.query("PRAGMA user_version").get()).toEqual({ user_version: RECORD_VERSION });
    expect(db.sqlite.query("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
    expect(
      db.sqlite
        .query(
          "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND NOT strict AND name NOT LIKE 'sqlite_%'",
        )
        .all(),
    ).toEqual([]);
    db.close();
    expect(readdirSync(dirname(file)).sort()).toEqual(["record.sqlite", "record.sqlite.setup"]);
  });

  test("makes a folder and files private that others could read, but not a shared folder", () => {
    const file = filled();
    chmodSync(dirname(file), 0o755);
    chmodSync(file, 0o644);
    openRecord(file, "write").close();
    expect([mode(dirname(file)), mode(file)]).toEqual(["700", "600"]);
    const shared = join(dirname(file), "shared");
    mkdirSync(shared);
    chmodSync(shared, 0o1777);
    ensureDataDir(shared);
    expect(statSync(shared).mode & 0o1777).toBe(0o1777);
  });

  test("is named after the instance: readable, unique, without credentials", () => {
    const names = [
      "http://127.0.0.1:4200/api",
      "http://127.0.0.1:4201/api",
      "https://api.prefect.cloud/api/accounts/a/workspaces/b",
      "https://api.prefect.cloud/api/accounts/a/workspaces/c",
    ].map(recordFileName);
    expect(new Set(names).size).toBe(4);
    for (const name of names) expect(name).toMatch(/^[A-Za-z0-9.-]+-[0-9a-f]{10}\.sqlite$/);
    expect(names[0]).toStartWith("127.0.0.1-4200-");
    expect(recordFileName("http://user:secret@127.0.0.1:4200/api/?x=1")).toBe(
      recordFileName("http://127.0.0.1:4200/api"),
    );
  });
});

describe("a reader", () => {
  test("finds no record where there is none, and creates none", () => {
    const file = tempRecordFile();
    expect(errorOf(() => openRecord(file, "read"))).toMatchObject({ code: "not_found" });
    expect(existsSync(dirname(file))).toBe(false);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, "");
    expect(errorOf(() => openRecord(file, "read"))).toMatchObject({ code: "not_found" });
  });

  test("sees what a writer commits, cannot write, and sees one state within a read transaction", () => {
    const file = filled(3);
    const [writer, reader] = [openRecord(file, "write"), openRecord(file, "read")];
    inSnapshot(reader, () => {
      expect(findEventRange(reader)?.count).toBe(3);
      fill(writer, 1, 3);
      expect(findEventRange(reader)?.count).toBe(3);
    });
    expect(findEventRange(reader)?.count).toBe(4);
    expect(() => reader.sqlite.run("DELETE FROM event")).toThrow();
    writer.close();
    reader.close();
  });

  test("reads a record in a folder where SQLite's side files cannot be created", () => {
    const file = filled(5);
    const child = Bun.spawnSync({
      cmd: [process.execPath, "-e", READ_AS_OTHER_USER, file],
      cwd: join(import.meta.dir, "../.."),
      stdout: "pipe",
      stderr: "pipe",
    });
    expect(`${child.stdout}${child.stderr}`).toBe("5 true");
  });

  test("reports a damaged file and does not touch it", () => {
    const file = filled();
    writeFileSync(file, "no database at all".repeat(500));
    expect(errorOf(() => openRecord(file, "read"))).toMatchObject({
      code: "unavailable",
      message: `${file} is damaged.`,
    });
    expect(readdirSync(dirname(file)).filter((name) => name.includes("corrupt"))).toEqual([]);
  });

  test("notices that the file was replaced", () => {
    const file = filled();
    const reader = openRecord(file, "read");
    expect(isReplaced(reader)).toBe(false);
    writeFileSync(file, "no database at all".repeat(500));
    openRecord(file, "write").close();
    expect(isReplaced(reader)).toBe(true);
    reader.close();
  });
});

/** Root may write everywhere, so a child process reads the record as another user. */
const READ_AS_OTHER_USER = `
  const { chmodSync } = await import("node:fs");
  const { dirname } = await import("node:path");
  const { openRecord } = await import("./src/store/database.ts");
  const { findEventRange } = await import("./src/store/events/events.ts");
  const file = process.argv.at(-1);
  chmodSync(dirname(dirname(file)), 0o755);
  chmodSync(dirname(file), 0o555);
  chmodSync(file, 0o444);
  if (process.getuid() === 0) process.setuid(65534);
  const db = openRecord(file, "read");
  const count = findEventRange(db).count;
  db.close();
  chmodSync === undefined || process.stdout.write(count + " " + db.isReadOnly);
`;

test("a file of the first version is upgraded, and what it indexed is known to have other words", () => {
  const file = tempRecordFile();
  mkdirSync(dirname(file), { recursive: true });
  const sqlite = plain(file);
  sqlite.run(MIGRATIONS[0]?.sql ?? "");
  sqlite.run("PRAGMA user_version = 1");
  sqlite.run("INSERT INTO block(id, n, t_min, t_max, seen_us, data) VALUES (7, 1, 1, 1, 1, x'00')");
  sqlite.close();
  const db = openRecord(file, "write");
  expect(db.notice).toBeNull();
  expect(findStateJson(db, "text.before")).toEqual({ block: 7, log: 0 });
  db.close();
});

test("a file with runs gets their counts and names by the upgrade, also after a first attempt was killed", () => {
  const file = tempRecordFile();
  mkdirSync(dirname(file), { recursive: true });
  const sqlite = plain(file);
  for (const { sql } of MIGRATIONS.slice(0, 2)) sqlite.run(sql);
  sqlite.run("PRAGMA user_version = 2");
  const runs = ["x'01', 'amber-heron', 'FAILED', 7200000000", "x'02', 'amber-heron', 'RUNNING', 7200000001"];
  for (const run of [...runs, "x'03', 'blue-lion', 'FAILED', 3600000000"]) {
    sqlite.run(
      `INSERT INTO flow_run(id, name, state_type, start_us, auto_scheduled, run_count, total_run_time, tags) VALUES (${run}, 0, 1, 0, '[]')`,
    );
  }
  // A killed process leaves a transaction that the next connection rolls back.
  sqlite.run("BEGIN EXCLUSIVE");
  sqlite.run(MIGRATIONS[2]?.sql ?? "");
  sqlite.run("ROLLBACK");
  sqlite.close();
  const db = openRecord(file, "write");
  expect(db.notice).toBeNull();
  expect(countRunStates(db, { fromUs: 3_600_000_000, toUs: 10_799_999_999 })).toEqual([
    { type: "FAILED", isLate: false, count: 2 },
    { type: "RUNNING", isLate: false, count: 1 },
  ]);
  expect(auditRunHours(db)).toBe(0);
  const found = findRunsByWords(db, ["flow_run"], parseSearchTerms("heron"), null, { offset: 0, limit: 9 });
  expect(found.map(({ name, beginUs }) => [name, beginUs])).toEqual([
    ["amber-heron", 7_200_000_001],
    ["amber-heron", 7_200_000_000],
  ]);
  db.close();
});

test("a file whose counts and names were kept by triggers is kept by the writer after the upgrade, each row once", () => {
  const file = tempRecordFile();
  mkdirSync(dirname(file), { recursive: true });
  const sqlite = plain(file);
  for (const { sql } of MIGRATIONS.slice(0, 3)) sqlite.run(sql);
  sqlite.run("PRAGMA user_version = 3");
  sqlite.run(
    "INSERT INTO event VALUES (7200000000, 0, x'01', 1, 1, 0, 1, 0, 1), (7200000001, 0, x'02', 1, 1, 0, 1, 0, 1)",
  );
  sqlite.run(
    "INSERT INTO flow_run(id, name, auto_scheduled, run_count, total_run_time, tags) VALUES (x'01', 'amber', 0, 1, 0, '[]')",
  );
  sqlite.close();
  const db = openRecord(file, "write");
  expect(db.notice).toBeNull();
  expect(db.sqlite.query("SELECT hour, n FROM event_hour").all()).toEqual([{ hour: 2, n: 2 }]);
  expect(db.sqlite.query("SELECT name FROM run_name").all()).toEqual([{ name: "amber" }]);
  fill(db, 3);
  expect(db.sqlite.query("SELECT sum(n) AS n FROM event_hour").get()).toEqual({ n: 5 });
  db.close();
});

describe("a file that cannot be used", () => {
  const aside = (file: string) =>
    readdirSync(dirname(file)).filter((name) => /^record\.sqlite\.corrupt-\d{8}T\d{6}Z$/.test(name));

  test("of a newer version is refused by writer and reader, and not touched", () => {
    const file = filled();
    const sqlite = plain(file);
    sqlite.run("PRAGMA journal_mode = DELETE");
    sqlite.run("PRAGMA user_version = 99");
    sqlite.close();
    const before = Bun.hash(readFileSync(file));
    for (const how of ["write", "read"] as const) {
      const { code, message, hint } = errorOf(() => openRecord(file, how));
      expect({ code, message }).toEqual({
        code: "invalid_config",
        message: `${file} was written by a newer version of this program (file version 99, this program knows ${RECORD_VERSION}).`,
      });
      expect(hint).toContain("Update prefect-mcp-bun");
    }
    expect(Bun.hash(readFileSync(file))).toBe(before);
    expect(aside(file)).toEqual([]);
  });

  const damages: Record<string, (file: string) => void> = {
    "is no database": (file) => writeFileSync(file, "this is not a database".repeat(999)),
    "is cut in the middle": (file) => truncateSync(file, statSync(file).size / 2),
    "has a broken first page": (file) => {
      const bytes = readFileSync(file);
      writeFileSync(file, bytes.fill(7, 100, 4000));
    },
    "was left incomplete by an upgrade": (file) => {
      const sqlite = plain(file);
      sqlite.run("DROP TABLE coverage");
      sqlite.close();
    },
    "has tables but no version": (file) => {
      const sqlite = plain(file);
      sqlite.run("PRAGMA user_version = 0");
      sqlite.close();
    },
  };
  for (const [what, harm] of Object.entries(damages)) {
    test(`because it ${what} is moved aside, replaced and reported in a sentence`, () => {
      const file = filled();
      harm(file);
      const db = openRecord(file, "write");
      const [moved] = aside(file);
      expect(moved).toBeDefined();
      expect(db.notice).toStartWith(`The record ${file} could not be used (`);
      expect(db.notice).toEndWith(`). It was moved to ${join(dirname(file), moved ?? "")} and a new one was created.`);
      fill(db, 2);
      expect(findEventRange(db)?.count).toBe(2);
      db.close();
      const again = openRecord(file, "write");
      expect([again.notice, findEventRange(again)?.count]).toEqual([null, 2]);
      again.close();
    });
  }

  test("because damage showed after opening is rebuilt on demand", () => {
    const file = filled(500);
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.fill(9, 20 * 4096, bytes.length - 2 * 4096));
    let db = openRecord(file, "write");
    if (db.notice === null) {
      const error = errorOf(() => inTransaction(db, () => findEvents(db, ALL)));
      expect([error.code, isDamage(error)]).toEqual(["unavailable", true]);
      db = rebuildRecord(db, error.message);
    }
    expect(db.notice).toContain("a new one was created");
    fill(db, 1);
    expect(findEventRange(db)?.count).toBe(1);
    db.close();
  });

  test("with a cut WAL keeps every commit before the cut", () => {
    const file = tempRecordFile();
    const db = openRecord(file, "write");
    db.sqlite.run("PRAGMA wal_autocheckpoint = 0");
    fill(db, 10);
    const size = statSync(`${file}-wal`).size;
    fill(db, 10, 10);
    // A copy of the files as a crash would leave them, with a part of the last commit.
    const copy = tempRecordFile();
    mkdirSync(dirname(copy), { recursive: true });
    writeFileSync(copy, readFileSync(file));
    writeFileSync(`${copy}-wal`, readFileSync(`${file}-wal`).subarray(0, size + 4096));
    db.close();
    const torn = openRecord(copy, "write");
    expect([torn.notice, findEventRange(torn)?.count]).toEqual([null, 10]);
    expect(findEvents(torn, ALL).events).toEqual(some(10));
    torn.close();
  });

  test("because its folder cannot be created is reported in a sentence", () => {
    const file = tempRecordFile();
    mkdirSync(dirname(dirname(file)), { recursive: true });
    writeFileSync(dirname(file), "a file where the folder should be");
    const error = errorOf(() => openRecord(file, "write"));
    expect(error.code).toBe("unavailable");
    expect(error.message).toBe(`${file} cannot be opened.`);
    expect(error.retryable).toBe(true);
  });
});

describe("a full disk", () => {
  test("makes a write fail with a sentence; reading works, and writing works again when there is room", () => {
    const file = filled(100);
    const db = openRecord(file, "write");
    const pages = db.sqlite.query<{ page_count: number }, []>("PRAGMA page_count").get()?.page_count ?? 0;
    db.sqlite.run(`PRAGMA max_page_count = ${pages + 2}`);
    const error = errorOf(() => {
      for (let n = 1; n < 50; n += 1) fill(db, 100, n * 100);
    });
    expect(error).toMatchObject({
      code: "unavailable",
      message: `The disk that holds ${file} is full.`,
      retryable: true,
    });
    expect(sqliteCode(error)).toBe("SQLITE_FULL");
    const held = findEventRange(db)?.count ?? 0;
    expect(findEvents(db, { ...ALL, limit: 100 }).events).toEqual(some(100));
    const reader = openRecord(file, "read");
    expect(findEventRange(reader)?.count).toBe(held);
    reader.close();
    db.sqlite.run("PRAGMA max_page_count = 1073741823");
    fill(db, 100, 10_000);
    expect(findEventRange(db)?.count).toBe(held + 100);
    expect(db.sqlite.query("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
    db.close();
  });
});

describe("a transaction", () => {
  test("is rolled back by an error, which is thrown unchanged; inner transactions are part of it", () => {
    const db = openRecord(":memory:", "write");
    const stop = new RangeError("stop");
    expect(() =>
      inTransaction(db, () => {
        inTransaction(db, () => fill(db, 3));
        throw stop;
      }),
    ).toThrow(stop);
    expect(findEventRange(db)).toBeNull();
    expect(inTransaction(db, () => 7)).toBe(7);
  });

  test("clears caches after a rollback and when another connection has written", () => {
    const file = filled(1);
    const [db, other] = [openRecord(file, "write"), openRecord(file, "write")];
    let drops = 0;
    db.onInvalidate(() => {
      drops += 1;
    });
    inTransaction(db, () => undefined);
    inTransaction(db, () => undefined);
    expect(drops).toBe(0);
    fill(other, 1, 1);
    inTransaction(db, () => undefined);
    expect(drops).toBe(1);
    expect(() =>
      inTransaction(db, () => {
        throw new RangeError("no");
      }),
    ).toThrow("no");
    expect(drops).toBe(2);
    db.close();
    other.close();
  });
});

describe("closing", () => {
  test("leaves an empty WAL, also while a reader is open, and may be repeated", () => {
    const file = tempRecordFile();
    const db = openRecord(file, "write");
    fill(db, 50);
    const held = db.prepare<{ n: number }, []>("SELECT count(*) AS n FROM event");
    expect(held.get()).toEqual({ n: 50 });
    const reader = openRecord(file, "read");
    expect(findEventRange(reader)?.count).toBe(50);
    expect(statSync(`${file}-wal`).size).toBeGreaterThan(0);
    db.close();
    db.close();
    expect(statSync(`${file}-wal`).size).toBe(0);
    reader.close();
    reader.close();
    openRecord(file, "write").close();
    expect(readdirSync(dirname(file)).sort()).toEqual(["record.sqlite", "record.sqlite.setup"]);
  });

  test("does not end statements that have left the cache", () => {
    const db = openRecord(":memory:", "write");
    const first = db.prepare<{ one: number }, []>("SELECT 1 AS one");
    for (let n = 0; n < 1200; n += 1) db.prepare(`SELECT ${n} AS n`);
    expect(first.get()).toEqual({ one: 1 });
    db.close();
  });
});

describe("a value cached while the file does not change", () => {
  test("is read again after any commit of another connection, and only then", () => {
    const file = filled(3);
    using writer = closing(openRecord(file, "write"));
    using reader = closing(openRecord(file, "read"));
    let reads = 0;
    const count = () =>
      whileUnchanged(reader.db, "count", () => {
        reads += 1;
        return findEvents(reader.db, ALL).events.length;
      });
    expect([count(), count(), reads]).toEqual([3, 3, 1]);
    fill(writer.db, 2, 10);
    expect([count(), count(), reads]).toEqual([5, 5, 2]);
    inSnapshot(reader.db, () => {
      fill(writer.db, 1, 20);
      expect([count(), reads]).toEqual([5, 2]);
    });
    expect([count(), reads]).toEqual([6, 3]);
  });

  test("is not cached by a writer, which cannot detect its own commits", () => {
    using writer = closing(openRecord(filled(3), "write"));
    let reads = 0;
    const read = () =>
      whileUnchanged(writer.db, "reads", () => {
        reads += 1;
        return reads;
      });
    expect([read(), read()]).toEqual([1, 2]);
  });
});

function closing(db: RecordDb): Disposable & { readonly db: RecordDb } {
  return { db, [Symbol.dispose]: () => db.close() };
}
