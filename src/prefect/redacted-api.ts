import { AppError } from "../errors.ts";
import type { PrefectEvent } from "../model/events/event.ts";
import type { Redact } from "../model/secrets/redact.ts";
import type { EventStream, PrefectApi } from "./api.ts";
import type { PrefectClient } from "./client.ts";

/** Calls whose answers are objects of the workspace and nothing that is sent back to Prefect. */
const OBJECT_CALLS = [
  "countEvents",
  "readHealth",
  "filterFlowRuns",
  "countFlowRuns",
  "readFlowRun",
  "readFlowRunStates",
  "filterTaskRuns",
  "filterLogs",
  "filterFlows",
  "filterDeployments",
  "filterWorkPools",
  "filterWorkQueues",
  "filterWorkers",
  "filterConcurrencyLimits",
  "filterAutomations",
  "readWorkPoolSlots",
  "filterTagLimits",
  "readVersion",
  "readServerSettings",
  "get",
  "getCloud",
] as const satisfies readonly (keyof PrefectApi)[];

/**
 * The same API with secrets taken out of everything that it answers, errors included. What is asked goes out as it is.
 * `nextToken` of an event page stays untouched: it is Prefect's own and only ever goes back there.
 */
export function redactedApi(client: PrefectClient, redact: Redact): PrefectClient {
  const clean = async <T>(call: Promise<T>): Promise<T> => {
    try {
      return redact.object(await call);
    } catch (error) {
      throw cleanError(error, redact);
    }
  };
  const page = async (call: ReturnType<PrefectApi["nextEvents"]>) => {
    try {
      const answer = await call;
      return { ...answer, events: answer.events.map((event) => redact.event(event)) };
    } catch (error) {
      throw cleanError(error, redact);
    }
  };
  const calls = Object.fromEntries(
    OBJECT_CALLS.map((name) => {
      const call = client[name] as (...args: unknown[]) => Promise<unknown>;
      return [name, (...args: unknown[]) => clean(call.apply(client, args))];
    }),
  );
  return Object.assign(
    Object.create(client, {
      requests: { get: () => client.requests, enumerable: true },
      skewMs: { get: () => client.skewMs, enumerable: true },
    }),
    calls,
    {
      filterEvents: (...args: Parameters<PrefectApi["filterEvents"]>) => page(client.filterEvents(...args)),
      nextEvents: (...args: Parameters<PrefectApi["nextEvents"]>) => page(client.nextEvents(...args)),
      openEventStream: (...args: Parameters<PrefectApi["openEventStream"]>) =>
        redactedStream(client.openEventStream(...args), redact),
    },
  ) as PrefectClient;
}

/** What Prefect said of a failure may quote what was in a request or a run. */
export function cleanError(error: unknown, redact: Redact): unknown {
  if (!(error instanceof AppError)) return error;
  const [message, hint] = [redact.text(error.message), error.hint === undefined ? undefined : redact.text(error.hint)];
  if (message === error.message && hint === error.hint) return error;
  const { retryAfterMs, status } = error;
  return new AppError(error.code, message, {
    ...(hint === undefined ? {} : { hint }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(status === undefined ? {} : { status }),
  });
}

function redactedStream(stream: EventStream, redact: Redact): EventStream {
  return Object.create(stream, {
    ready: { get: () => stream.ready },
    close: { value: () => stream.close() },
    [Symbol.asyncIterator]: {
      value: async function* (): AsyncGenerator<readonly PrefectEvent[]> {
        for await (const batch of stream) yield batch.map((event) => redact.event(event));
      },
    },
  });
}
