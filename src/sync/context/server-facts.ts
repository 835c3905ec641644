import { AppError } from "../../errors.ts";
import { floorUs } from "../../lib/time.ts";
import { DEFAULT_RETENTION_US, LEAST_RETENTION_US, readEventRetention } from "../../prefect/event-retention.ts";
import { findFact } from "../../store/sync-state.ts";
import type { EngineContext, ServerFacts } from "./engine-context.ts";

/** Assumed until the server has answered. Cloud's retention depends on the plan and is not in its API. */
export function assumedFacts(isCloud: boolean): ServerFacts {
  const retentionUs = isCloud ? null : DEFAULT_RETENTION_US;
  return { version: null, retentionUs, shortestRetentionUs: retentionUs, recognisedMs: null };
}

/**
 * Reads version and retention and stores them in the record. Where the server does not give its settings (Cloud, older
 * versions, missing permission), the values of an earlier answer remain, or the assumption. Returns false when only the
 * settings route fails, as behind a gateway that blocks `/admin`: then the caller should ask again soon. Throws
 * AppError when Prefect does not answer.
 */
export async function refreshServerFacts(ctx: EngineContext, signal: AbortSignal): Promise<boolean> {
  const { server, requests } = ctx;
  const known = findFact(ctx.db, "instance");
  if (known?.retentionUs != null) {
    server.retentionUs = known.retentionUs;
    server.shortestRetentionUs = Math.min(server.shortestRetentionUs ?? known.retentionUs, known.retentionUs);
  }
  const version = await orNull(requests.call("catch-up", signal, (api, call) => api.readVersion(call)));
  let isAnswered = true;
  const retention = await orNull(
    requests.call("verify", signal, (api, call) => readEventRetention(api, call), 0),
  ).catch((error: unknown) => {
    if (!(error instanceof AppError) || error.status === undefined || error.status === 401) throw error;
    isAnswered = false;
    return null;
  });
  if (version !== null) server.version = version;
  if (retention !== null) {
    server.retentionUs = retention.us;
    server.shortestRetentionUs = retention.shortestUs;
  }
  if (!isAnswered && known?.retentionUs == null && server.retentionUs !== null) {
    // The server may keep events for a shorter time than assumed, and what it has deleted must not be claimed.
    server.retentionUs = Math.min(server.retentionUs, LEAST_RETENTION_US);
    server.shortestRetentionUs = server.retentionUs;
  }
  ctx.ingest.putFact("instance", {
    url: requests.api.url,
    version: server.version,
    retentionUs: isAnswered ? server.retentionUs : (known?.retentionUs ?? null),
    createdUs: known?.createdUs ?? floorUs(ctx.clock.nowUs()),
    ...(known?.areNullsLargest === undefined ? {} : { areNullsLargest: known.areNullsLargest }),
  });
  return isAnswered;
}

/**
 * Null where the server has no such route or refuses permission. Throws on failures that may pass: they say nothing
 * about the server.
 */
async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    const isAnswer = error instanceof AppError && !error.retryable && error.code !== "internal" && error.status !== 401;
    if (isAnswer) return null;
    throw error;
  }
}
