import { sql } from "drizzle-orm";
import { blob, index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** Dictionary of event names. Numbers are never used twice, so a reader may keep what it has read. */
export const eventName = sqliteTable("event_name", {
  id: integer().primaryKey({ autoIncrement: true }),
  name: text().notNull().unique(),
});

/**
 * Dictionary of resources by their whole `prefect.resource.id`. `name` is the newest `prefect.resource.name` seen and
 * `nameUs` the `occurred` it came with. `renamed`: other names were seen too, so that an event's own name is in its JSON.
 */
export const resource = sqliteTable(
  "resource",
  {
    id: integer().primaryKey(),
    resourceId: text("resource_id").notNull().unique(),
    name: text(),
    nameUs: integer("name_us"),
    renamed: integer().notNull(),
  },
  // Prefixes ignore case; nearly all ids are in lower case, so only the others need a place of their own.
  (table) => [index("resource_capitals").on(table.resourceId).where(sql`resource_id <> lower(resource_id)`)],
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
    id: blob({ mode: "buffer" }).notNull().unique(),
    nameId: integer("name_id").notNull(),
    resId: integer("res_id").notNull(),
    recv: integer().notNull(),
    blk: integer().notNull(),
    ofs: integer().notNull(),
    /** EVENT_SOURCES: how it first came. */
    src: integer().notNull(),
  },
  (table) => [index("event_name_t").on(table.nameId), index("event_res_t").on(table.resId)],
);

/**
 * Rows of `event` that were deleted, by us or by hand, and whose postings are still there: a trigger notes them, and the
 * next write removes the postings before the key can be given to another event.
 */
export const eventGone = sqliteTable("event_gone", {
  t: integer().primaryKey(),
  nameId: integer("name_id").notNull(),
  blk: integer().notNull(),
  ofs: integer().notNull(),
});

/**
 * Postings of related resources. (resource, t, name) answers "events about X, newest first" with one seek, and "… named Y" from the
 * index alone. With the name before the time a batch of 200 events would end in 545 pages instead of some 60.
 */
export const related = sqliteTable("related", {
  resId: integer("res_id").notNull(),
  nameId: integer("name_id").notNull(),
  t: integer().notNull(),
});

/**
 * JSON lines of up to 50 events in order of arrival, zstd. `seenUs`: when the block was begun, our clock. The last block is
 * open: rewritten until it is full. `tMin`, `tMax`: range of the keys of its events. Ids are never used twice.
 */
export const block = sqliteTable(
  "block",
  {
    id: integer().primaryKey({ autoIncrement: true }),
    n: integer().notNull(),
    tMin: integer("t_min").notNull(),
    tMax: integer("t_max").notNull(),
    seenUs: integer("seen_us").notNull(),
    data: blob({ mode: "buffer" }).notNull(),
  },
  (table) => [index("block_newest").on(table.tMax, table.tMin), index("block_oldest").on(table.tMin, table.tMax)],
);

/** Events per hour (hours since 1970 of `occurred`) and name. Triggers on `event` keep it exact. */
export const eventHour = sqliteTable("event_hour", {
  hour: integer().notNull(),
  nameId: integer("name_id").notNull(),
  n: integer().notNull(),
});
