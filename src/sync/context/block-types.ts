/**
 * Recognises a server by the ids of its built-in block types: random for each database, and never deleted, because the server protects
 * these types. Databases that are copies of one template have the same ids, so they only decide where the record has nothing else.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/models/block_registration.py
 */
import { AppError } from "../../errors.ts";
import { findStateJson } from "../../store/sync-state.ts";
import type { Priority } from "../server/request-budget.ts";
import type { EngineContext } from "./engine-context.ts";

const SLUGS = ["webhook", "secret", "local-file-system"];
/** State key: ids by slug. */
const BLOCK_TYPES_KEY = "server.block-types";

type BlockTypeIds = Readonly<Record<string, string>>;

/** `unknown`: none are recorded, or none are returned. One that an administrator has deleted and made again has another id. */
export async function judgeByBlockTypes(
  ctx: EngineContext,
  priority: Priority,
  signal: AbortSignal,
): Promise<"same" | "other" | "unknown"> {
  const recorded = findStateJson(ctx.db, BLOCK_TYPES_KEY) as BlockTypeIds | null;
  if (recorded === null) return "unknown";
  const found = await readIds(ctx, priority, signal);
  const common = Object.keys(recorded).filter((slug) => found.has(slug));
  if (common.length === 0) return "unknown";
  return common.some((slug) => recorded[slug] === found.get(slug)) ? "same" : "other";
}

/** Records the ids, once, of the server that is known to be the one of this record. */
export async function recordBlockTypes(ctx: EngineContext, priority: Priority, signal: AbortSignal): Promise<void> {
  if (ctx.requests.api.isCloud || findStateJson(ctx.db, BLOCK_TYPES_KEY) !== null) return;
  const found = await readIds(ctx, priority, signal);
  ctx.ingest.putState(BLOCK_TYPES_KEY, Object.fromEntries(found));
}

/** Empty where the server has no such route, refuses permission, or registers no block types. */
async function readIds(
  ctx: EngineContext,
  priority: Priority,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  try {
    return await ctx.requests.call(priority, signal, (api, options) => api.readBlockTypeIds(SLUGS, options));
  } catch (error) {
    if (error instanceof AppError && !error.retryable && error.code !== "internal") return new Map();
    throw error;
  }
}
