import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { LocalUs } from "../../lib/time.ts";
import type { SnapshotKind } from "../../model/objects.ts";

/** The objects that are read as lists, one row each, as REST returned them last. */
export const object = sqliteTable(
  "object",
  {
    kind: text().$type<SnapshotKind>().notNull(),
    id: text().notNull(),
    name: text().notNull(),
    /** Owner: the flow of a deployment, the pool of a queue or worker. */
    parent_id: text(),
    doc: text().notNull(),
    first_us: integer().$type<LocalUs>().notNull(),
    read_us: integer().$type<LocalUs>().notNull(),
    deleted_us: integer().$type<LocalUs>(),
  },
  (table) => [primaryKey({ columns: [table.kind, table.id] }), index("object_name").on(table.kind, table.name)],
);

/** Differences between two readings of an object: a history that Prefect does not keep. */
export const objectChange = sqliteTable(
  "object_change",
  {
    seq: integer().primaryKey({ autoIncrement: true }),
    /** When the change was read (microseconds, local clock). It happened between `since_us` (null: unknown) and then. */
    at_us: integer().$type<LocalUs>().notNull(),
    since_us: integer().$type<LocalUs>(),
    kind: text().$type<SnapshotKind>().notNull(),
    id: text().notNull(),
    name: text().notNull(),
    change: text().$type<"created" | "updated" | "deleted">().notNull(),
    /** JSON `{field: {from, to}}` of an update, else `{}`. */
    diff: text().notNull(),
  },
  (table) => [index("object_change_at").on(table.at_us), index("object_change_object").on(table.kind, table.id)],
);

export type NewObjectRow = Readonly<typeof object.$inferInsert>;
export type NewObjectChangeRow = Readonly<typeof objectChange.$inferInsert>;
export type ObjectRow = Readonly<typeof object.$inferSelect>;
export type ObjectChangeRow = Readonly<typeof objectChange.$inferSelect>;
