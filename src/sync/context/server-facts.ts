import { AppError } from "../../errors.ts";
import { DEFAULT_RETENTION_US, LEAST_RETENTION_US, readEventRetention } from "../../prefect/event-retention.ts";
import { findFact } from "../../store/sync-state.ts";
import type { EngineContext, ServerFacts } from "./engine-context.ts";

/** What is assumed until the server was asked. Cloud keeps events by plan and does not say how long. */
export function assumedFacts(isCloud: boolean): ServerFacts {
  return { version: null, retentionUs: isCloud ? null : DEFAULT_RETENTION_US, hasShorterRetention: false };
}

/**
 * Asks for version and retention, and notes them in the record. A server that does not tell (Cloud, older versions, no right
 * to) leaves standing what it told before, or the assumption. Answers false when this one route fails, as behind a gateway that
 * keeps `/admin` for itself: ask again soon. Throws AppError when Prefect does not answer.
 */
export async function refreshServerFacts(ctx: EngineContext, signal: AbortSignal): Promise<boolean> {
  const { server, requests } = ctx;
  const known = findFact(ctx.db, "instance");
  if (known?.retentionUs != null) server.retentionUs = known.retentionUs;
  const version = await orNull(requests.call("catch-up", signal, (api, call) => api.readVersion(call)));
  let isTold = true;
  const retention = await orNull(
    requests.call("verify", signal, (api, call) => readEventRetention(api, call), 0),
  ).catch((error: unknown) => {
    if (!(error instanceof AppError) || error.status === undefined || error.status === 401) throw error;
    isTold = false;
    return null;
  });
  if (version !== null) server.version = version;
  if (retention !== null) {
    server.retentionUs = retention.us;
    server.hasShorterRetention = retention.hasShorter;
  }
  if (!isTold && known?.retentionUs == null && server.retentionUs !== null) {
    // What is kept for less than the assumption must not be claimed.
    server.retentionUs = Math.min(server.retentionUs, LEAST_RETENTION_US);
  }
  ctx.ingest.putFact("instance", {
    url: requests.api.url,
    version: server.version,
    retentionUs: isTold ? server.retentionUs : (known?.retentionUs ?? null),
    createdUs: known?.createdUs ?? Math.floor(ctx.clock.nowUs()),
  });
  return isTold;
}

/** Null where the server has no such route or gives no right to it; a failure that may pass says nothing about the server. */
async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    const isAnswer = error instanceof AppError && !error.retryable && error.code !== "internal" && error.status !== 401;
    if (isAnswer) return null;
    throw error;
  }
}
