import { z } from "zod";
import { own, sentence } from "../../lib/shown-text.ts";
import { DAY_US } from "../../lib/time.ts";
import { withNotes } from "../../model/freshness.ts";
import { listPoolTypes, listWorkPools } from "../../queries/objects/work-pools.ts";
import { MAX_LIMIT, offsetOf } from "../definition/list-arguments.ts";
import { byField, byName } from "../definition/list-filters.ts";
import { listTool } from "../definition/list-tool.ts";
import { filterArg, listArgs, momentArg, textArg, textsArg } from "../definition/shared-schemas.ts";
import { unknownValueNotes } from "../definition/suggestions.ts";
import { withMoment } from "../definition/with-moment.ts";
import { poolBrief, poolDetail } from "./pool-items.ts";

export const getWorkPoolsTool = withMoment(
  listTool({
    kind: "work_pool",
    title: "Work pools",
    description:
      "Work pools by name: status, workers and the age of their heartbeat, slots taken of the limit and who holds them, queues. Give work_pool for one with all queues and workers.",
    input: z.strictObject({
      filter: filterArg.describe("Prefect WorkPoolFilter"),
      work_pool: textArg.describe("name, id, UI link"),
      type: textsArg,
      at: momentArg,
      ...listArgs(MAX_LIMIT),
    }),
    aliases: {
      id: "work_pool",
      work_pool_id: "work_pool",
      work_pool_name: "work_pool",
      name: "work_pool",
      pool: "work_pool",
      types: "type",
    },
    criteria: { work_pool: byName("work_pool"), type: byField("type", "any_") },
    single: "work_pool",
    isSingleInLines: true,
    brief: [
      "id",
      "name",
      "type",
      "status",
      "is_paused",
      "concurrency_limit",
      "active_slots",
      "slot_holders",
      "workers_online",
      "workers_offline",
      "last_heartbeat_seconds_ago",
      "queues",
    ],
    full: [
      "created",
      "updated",
      "description",
      "base_job_template",
      "default_queue_id",
      "storage_configuration",
      "workers",
      "ui_url",
    ],
    order: ["name", "type", "status", "is_paused", "concurrency_limit", "active_slots"],
    hint: sentence`Narrow by type or filter.`,
    none: sentence`No work pool matches.`,
    async query(ctx, { set, limit, position, fresh }, { type = [] }) {
      const page = await listWorkPools(ctx, { set, limit, offset: offsetOf(position), fresh });
      const types = page.items.length > 0 || type.length === 0 ? null : await listPoolTypes(ctx, fresh);
      const notes = types === null ? [] : unknownValueNotes(own("work pool"), type, types);
      return { ...page, rows: page.items, freshness: withNotes(page.freshness, notes) };
    },
    toItem(row, { isFull, isSingle, hasFields }) {
      // The brief form has members that the detail of one pool has as its workers.
      if (hasFields && isSingle) return { ...(isFull ? row.pool : {}), ...poolBrief(row), ...poolDetail(row) };
      if (isFull) return { ...row.pool, ...poolDetail(row) };
      return isSingle ? poolDetail(row) : poolBrief(row);
    },
  }),
  { needs: ["work_pool"], parts: ["work_queue", "worker"], runsBackUs: DAY_US },
);
