import { sql } from "drizzle-orm";
import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { bytes } from "./bytes.ts";

/** Dictionary of event names. Numbers are never used twice, so a reader may keep what it has read. */
export const eventName = sqliteTable("event_name", {
  id: integer().primaryKey({ autoIncrement: true }),
  name: text().notNull().unique(),
});

/**
 * Dictionary of resources by their whole `prefect.resource.id`. `name` is the newest `prefect.resource.name` seen and
 * `name_us` the `occurred` it came with. `renamed`: other names were seen too, so that an event's own name is in its JSON.
 */
export const resource = sqliteTable(
  "resource",
  {
    id: integer().primaryKey(),
    resource_id: text().notNull().unique(),
    name: text(),
    name_us: integer(),
    renamed: integer().notNull(),
  },
  // Prefixes ignore case; nearly all ids are in lower case, so only the others need a place of their own.
  (table) => [index("resource_capitals").on(table.resource_id).where(sql`resource_id <> lower(resource_id)`)],
);

/**
 * One row per event, once. `t` is a unique key near `occurred` (microseconds): `occurred = t - shift`, so equal stamps
 * get neighbouring keys and time order comes free with the primary key. (`blk`, `ofs`) is where its JSON stands and at
 * the same time the order of arrival. `recv` is `received - occurred`, microseconds.
 */
export const event = sqliteTable(
  "event",
  {
    t: integer().primaryKey(),
    shift: integer().notNull(),
    id: bytes().notNull().unique(),
    name_id: integer().notNull(),
    res_id: integer().notNull(),
    recv: integer().notNull(),
    blk: integer().notNull(),
    ofs: integer().notNull(),
    /** EVENT_SOURCES: how it first came. */
    src: integer().notNull(),
  },
  (table) => [index("event_name_t").on(table.name_id), index("event_res_t").on(table.res_id)],
);

/**
 * Rows of `event` that were deleted, by us or by hand, and whose postings are still there: a trigger notes them, and the
 * next write removes the postings before the key can be given to another event.
 */
export const deletedEvent = sqliteTable("event_gone", {
  t: integer().primaryKey(),
  name_id: integer().notNull(),
  blk: integer().notNull(),
  ofs: integer().notNull(),
});

/**
 * Postings of related resources. (resource, t, name) answers "events about X, newest first" with one seek, and "… named Y" from the
 * index alone. With the name before the time a batch of 200 events would end in 545 pages instead of some 60.
 */
export const related = sqliteTable("related", {
  res_id: integer().notNull(),
  name_id: integer().notNull(),
  t: integer().notNull(),
});

/**
 * JSON lines of up to 50 events in order of arrival, zstd. `seen_us`: when the block was begun, our clock. The last block is
 * open: rewritten until it is full. `t_min`, `t_max`: range of the keys of its events. Ids are never used twice.
 */
export const block = sqliteTable(
  "block",
  {
    id: integer().primaryKey({ autoIncrement: true }),
    n: integer().notNull(),
    t_min: integer().notNull(),
    t_max: integer().notNull(),
    seen_us: integer().notNull(),
    data: bytes().notNull(),
  },
  (table) => [index("block_newest").on(table.t_max, table.t_min), index("block_oldest").on(table.t_min, table.t_max)],
);

/** Events per hour (hours since 1970 of `occurred`) and name. Triggers on `event` keep it exact. */
export const eventHour = sqliteTable("event_hour", {
  hour: integer().notNull(),
  name_id: integer().notNull(),
  n: integer().notNull(),
});

export type EventTableRow = Readonly<typeof event.$inferSelect>;
export type DeletedEventRow = Readonly<typeof deletedEvent.$inferSelect>;
export type ResourceRow = Readonly<typeof resource.$inferSelect>;
export type BlockRow = Readonly<typeof block.$inferSelect>;
