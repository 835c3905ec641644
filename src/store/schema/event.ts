import { sql } from "drizzle-orm";
import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { LocalUs } from "../../lib/time.ts";
import { blob } from "./blob.ts";

/** Dictionary of event names. A number is never reused, so readers may cache it. */
export const eventName = sqliteTable("event_name", {
  id: integer().primaryKey({ autoIncrement: true }),
  name: text().notNull().unique(),
});

/**
 * Dictionary of resources by their whole `prefect.resource.id`. `name`: the newest `prefect.resource.name` in any
 * event, and `name_us` the `occurred` of that event. `renamed`: 1 when events had other names too, so an event's own
 * name must be read from its JSON.
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
  // Searches by prefix ignore case. Ids in lower case are found by the unique index; this one finds the few others.
  (table) => [index("resource_capitals").on(table.resource_id).where(sql`resource_id <> lower(resource_id)`)],
);

/**
 * One row per event. `t` is a unique key near `occurred` (microseconds): `occurred = t - shift`. Events with the same
 * `occurred` get adjacent keys, so the primary key is also the order of time. (`blk`, `ofs`): block and line of the
 * JSON; they also give the order of arrival. `recv`: `received - occurred`, microseconds.
 */
export const event = sqliteTable(
  "event",
  {
    t: integer().primaryKey(),
    shift: integer().notNull(),
    id: blob().notNull().unique(),
    name_id: integer().notNull(),
    res_id: integer().notNull(),
    recv: integer().notNull(),
    blk: integer().notNull(),
    ofs: integer().notNull(),
    /** A number of EVENT_SOURCES: how the event first arrived. */
    src: integer().notNull(),
  },
  (table) => [index("event_name_t").on(table.name_id), index("event_res_t").on(table.res_id)],
);

/**
 * Deleted rows of `event` whose postings still exist. A trigger adds them, so that rows deleted by other programs are
 * known too; the next write removes the postings, before the key can be given to another event.
 */
export const deletedEvent = sqliteTable("event_gone", {
  t: integer().primaryKey(),
  name_id: integer().notNull(),
  blk: integer().notNull(),
  ofs: integer().notNull(),
});

/**
 * Postings of related resources. The key (resource, t, name) finds "events about X, newest first" with one seek, and
 * filters them by name without reading `event`. With the name before the time, a batch of 200 events would write to 545
 * pages instead of 60.
 */
export const related = sqliteTable("related", {
  res_id: integer().notNull(),
  name_id: integer().notNull(),
  t: integer().notNull(),
});

/**
 * JSON lines of up to 50 events in order of arrival, compressed with zstd. `n`: number of lines. `seen_us`: when the
 * block was started, local clock. The last block is open: it is rewritten until it is full. `t_min`, `t_max`: smallest
 * and largest key of its events. Ids are never reused.
 */
export const block = sqliteTable(
  "block",
  {
    id: integer().primaryKey({ autoIncrement: true }),
    n: integer().notNull(),
    t_min: integer().notNull(),
    t_max: integer().notNull(),
    seen_us: integer().$type<LocalUs>().notNull(),
    data: blob().notNull(),
  },
  (table) => [index("block_newest").on(table.t_max, table.t_min), index("block_oldest").on(table.t_min, table.t_max)],
);

/**
 * Number of events per hour of `occurred` (hours since 1970) and name. The event writer adds those of a batch; a trigger subtracts
 * deleted rows.
 */
export const eventHour = sqliteTable("event_hour", {
  hour: integer().notNull(),
  name_id: integer().notNull(),
  n: integer().notNull(),
});

export type EventTableRow = Readonly<typeof event.$inferSelect>;
export type DeletedEventRow = Readonly<typeof deletedEvent.$inferSelect>;
export type ResourceRow = Readonly<typeof resource.$inferSelect>;
export type BlockRow = Readonly<typeof block.$inferSelect>;
