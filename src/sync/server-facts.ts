import { AppError } from "../errors.ts";
import { DEFAULT_RETENTION_US, retentionOf } from "../model/event-retention.ts";
import { findFact } from "../store/sync-state.ts";
import type { EngineContext, ServerFacts } from "./engine-context.ts";

/** What is assumed until the server was asked. Cloud keeps events by plan and does not say how long. */
export function assumedFacts(isCloud: boolean): ServerFacts {
  return { version: null, retentionUs: isCloud ? null : DEFAULT_RETENTION_US, hasShorterRetention: false };
}

/**
 * Asks for version and retention, and notes them in the record. A server that does not tell (Cloud, older versions, no right
 * to) leaves standing what it told before, or the assumption. Throws AppError when it does not answer.
 */
export async function learnServer(ctx: EngineContext, signal: AbortSignal): Promise<void> {
  const { server, requests } = ctx;
  const known = findFact(ctx.db, "instance");
  if (known?.retentionUs != null) server.retentionUs = known.retentionUs;
  const settings = await orNull(requests.call("catch-up", signal, (api, call) => api.readServerSettings(call)));
  const version = await orNull(requests.call("catch-up", signal, (api, call) => api.readVersion(call)));
  if (version !== null) server.version = version;
  if (settings !== null && !requests.api.isCloud) {
    const retention = retentionOf(settings);
    server.retentionUs = retention.us;
    server.hasShorterRetention = retention.hasShorter;
  }
  ctx.ingest.fact("instance", {
    url: requests.api.url,
    version: server.version,
    retentionUs: server.retentionUs,
    createdUs: known?.createdUs ?? Math.floor(ctx.clock.nowUs()),
  });
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
