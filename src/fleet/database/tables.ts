/** The tables of the fleet in PostgreSQL, as `migrations.ts` creates them. Times in them are for people; no rule reads them. */
import { sql } from "drizzle-orm";
import { bigint, boolean, jsonb, pgSchema, text, timestamp, uuid } from "drizzle-orm/pg-core";
import type { NodeReport } from "../fleet-store.ts";

const fleet = pgSchema("prefect_mcp_fleet");

/** Sessions of nodes. See lease/lease-rules.ts. */
export const node = fleet.table("node", {
  incarnation: uuid("incarnation").primaryKey(),
  name: text("name").notNull(),
  address: text("address").notNull(),
  version: text("version").notNull(),
  renewals: bigint("renewals", { mode: "number" }).notNull(),
  isDraining: boolean("is_draining").notNull(),
  isEnded: boolean("is_ended").notNull(),
  /** What the node reports of itself, for `fleet status`. */
  report: jsonb("report").$type<NodeReport>(),
  beganAt: timestamp("began_at", { withTimezone: true }).notNull().default(sql`now()`),
  renewedAt: timestamp("renewed_at", { withTimezone: true }).notNull().default(sql`now()`),
});

/** Names of tenants for people: the key is a hash. */
export const tenant = fleet.table("tenant", {
  key: text("key").primaryKey(),
  /** The API URL. */
  url: text("url").notNull(),
  /** The highest fencing number of which there is a whole replica. */
  replicaFence: bigint("replica_fence", { mode: "number" }),
  /** The name of its place in the storage. */
  replicaName: text("replica_name"),
  addedAt: timestamp("added_at", { withTimezone: true }).notNull().default(sql`now()`),
});

export const lease = fleet.table("lease", {
  tenant: text("tenant").primaryKey(),
  incarnation: uuid("incarnation"),
  fence: bigint("fence", { mode: "number" }).notNull(),
  sinceAt: timestamp("since_at", { withTimezone: true }).notNull().default(sql`now()`),
});
