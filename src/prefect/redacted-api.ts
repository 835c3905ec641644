import { AppError } from "../errors.ts";
import { nextTask } from "../lib/clock.ts";
import { withReplaced } from "../lib/shown-text.ts";
import type { PrefectEvent } from "../model/events/event.ts";
import type { Redact } from "../model/secrets/redact.ts";
import type { EventPage, EventStream } from "./api.ts";
import type { PrefectClient } from "./client.ts";
import type { PrefectWriter } from "./write-api.ts";

/** Every member, the optional ones too: a new member of the API does not compile before it is decided on below. */
type Members = { readonly [K in keyof PrefectClient]-?: PrefectClient[K] };

/**
 * The same API with the secrets replaced in everything that it answers, errors included. Arguments go to Prefect unchanged.
 * It has the members listed here and no others, so what is not listed cannot leak.
 */
export function redactedApi(client: PrefectClient, redact: Redact): PrefectClient {
  const answer = <T>(call: Promise<T>): Promise<T> => cleaned(call, redact, (value) => redact.object(value));
  /** `nextToken` stays as it is: it only ever goes back to Prefect. */
  const page = (call: Promise<EventPage>): Promise<EventPage> =>
    cleaned(call, redact, ({ events, total, nextToken }) => ({
      events: events.map((event) => redact.event(event)),
      total,
      nextToken,
    }));
  const members: Members = {
    url: client.url,
    isCloud: client.isCloud,
    get requests() {
      return client.requests;
    },
    get serverOffset() {
      return client.serverOffset;
    },
    close: () => client.close(),
    writer: redactedWriter(client.writer, redact),
    isServerBefore: (...args) => client.isServerBefore?.(...args) ?? Promise.resolve(false),

    filterEvents: (...args) => page(client.filterEvents(...args)),
    nextEvents: (...args) => page(client.nextEvents(...args)),
    openEventStream: (...args) => redactedStream(client.openEventStream(...args), redact),

    countEvents: (...args) => answer(client.countEvents(...args)),
    filterFlowRuns: (...args) => answer(client.filterFlowRuns(...args)),
    countFlowRuns: (...args) => answer(client.countFlowRuns(...args)),
    readFlowRun: (...args) => answer(client.readFlowRun(...args)),
    readFlowRunStates: (...args) => answer(client.readFlowRunStates(...args)),
    filterTaskRuns: (...args) => answer(client.filterTaskRuns(...args)),
    countTaskRuns: (...args) => answer(client.countTaskRuns(...args)),
    filterLogs: (...args) => cleaned(client.filterLogs(...args), redact, (lines) => redact.logs(lines)),
    filterObjects: (...args) => answer(client.filterObjects(...args)),
    filterWorkers: (...args) => answer(client.filterWorkers(...args)),
    readWorkPoolSlots: (...args) => answer(client.readWorkPoolSlots(...args)),
    filterTagLimits: (...args) => answer(client.filterTagLimits(...args)),
    // Ids and the slugs that were asked for: nothing of it is a secret.
    readBlockTypeIds: (...args) => cleaned(client.readBlockTypeIds(...args), redact, (ids) => ids),
    readHealth: (...args) => answer(client.readHealth(...args)),
    readVersion: (...args) => answer(client.readVersion(...args)),
    readServerSettings: (...args) => answer(client.readServerSettings(...args)),
    get: (...args) => answer(client.get(...args)),
    getCloud: (...args) => answer(client.getCloud(...args)),
  };
  return members;
}

/** For a caller that redacts the rows itself: only errors are changed. */
export function errorsOnly(redact: Redact): Redact {
  const same = <T>(value: T): T => value;
  const inParts: Redact["inParts"] = async (value, clean) => clean(value);
  return { ...redact, event: same, logs: same, flowRun: same, taskRun: same, object: same, inParts };
}

/** Of an answer to a change only ids, states and reasons are used, and these are shown. What is read for a copy stays as it is. */
function redactedWriter(writer: PrefectWriter, redact: Redact): PrefectWriter {
  return {
    url: writer.url,
    readForCopy: (...args) => cleaned(writer.readForCopy(...args), redact, (value) => value),
    async send(request, deadlineMs) {
      const outcome = await writer.send(request, deadlineMs);
      if (outcome.kind === "answered") return { ...outcome, answer: redact.object(outcome.answer) };
      const error = cleanError(outcome.error, redact);
      return error instanceof AppError ? { ...outcome, error } : outcome;
    },
  };
}

function redactedStream(stream: EventStream, redact: Redact): EventStream {
  const ready = cleaned(stream.ready, redact, () => undefined);
  // A caller that only iterates sees the same error there.
  ready.catch(() => {});
  const members: { readonly [K in keyof EventStream]-?: EventStream[K] } = {
    ready,
    close: () => stream.close(),
    async *[Symbol.asyncIterator](): AsyncGenerator<readonly PrefectEvent[]> {
      try {
        const clean = (batch: readonly PrefectEvent[]) => batch.map((event) => redact.event(event));
        for await (const batch of stream) yield await redact.inParts(batch, clean, nextTask);
      } catch (error) {
        throw cleanError(error, redact);
      }
    },
  };
  return members;
}

async function cleaned<T, U>(call: Promise<T>, redact: Redact, clean: (value: T) => U): Promise<U> {
  try {
    return await redact.inParts(await call, clean, nextTask);
  } catch (error) {
    throw cleanError(error, redact);
  }
}

/** Prefect's reason for a failure may quote what was in a request or a run. The error keeps its code, status and wait. */
function cleanError(error: unknown, redact: Redact): unknown {
  if (!(error instanceof AppError)) return error;
  const message = withReplaced(error.sentence, redact.text);
  const hint = error.ownHint === undefined ? undefined : withReplaced(error.ownHint, redact.text);
  if (message === error.message && hint === error.hint) return error;
  const { retryAfterMs, status, isUnknownRoute } = error;
  return new AppError(error.code, message, {
    ...(hint === undefined ? {} : { hint }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(status === undefined ? {} : { status }),
    isUnknownRoute,
  });
}
