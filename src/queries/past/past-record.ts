/**
 * The workspace as it was at a moment, as a record of its own in memory. What answers from the record answers from this one in the same
 * way: its clock stands at the moment, and Prefect, which keeps no past states, is not asked.
 */
import { AppError } from "../../errors.ts";
import { asNames, counted, joined, own, type Sentence, sentence } from "../../lib/shown-text.ts";
import {
  earliestUs,
  formatIsoSeconds,
  type LocalUs,
  latestOf,
  latestUs,
  onLocalClock,
  onServerClock,
  type ServerUs,
} from "../../lib/time.ts";
import { mergeRanges, type TimeRange } from "../../model/freshness.ts";
import { factsOf, KINDS } from "../../model/kinds.ts";
import type { ConcurrencyLimit, SnapshotKind, SnapshotObjects } from "../../model/objects.ts";
import { addCoverage, coveredRanges } from "../../store/coverage.ts";
import { inTransaction, openRecord, type RecordDb } from "../../store/database.ts";
import { areNamesInServerOrder } from "../../store/objects/name-order.ts";
import { upsertObjects } from "../../store/objects/objects.ts";
import { findObjectsAt, historyBeginUs } from "../../store/past/objects-at.ts";
import { copyRunsAt, type RunsAt } from "../../store/past/runs-at.ts";
import { findStatusesAt } from "../../store/past/statuses-at.ts";
import { findFact, putFact } from "../../store/sync-state.ts";
import type { QueryContext } from "../source/context.ts";
import { clockSkewUs, serverNowUs } from "../source/server-time.ts";

/** Lists that are made again. Workers are a part of pools, and flows give names. */
const PAST_KINDS = [
  "flow",
  "deployment",
  "work_pool",
  "work_queue",
  "worker",
  "automation",
  "concurrency_limit",
] as const satisfies readonly SnapshotKind[];
export type PastKind = (typeof PAST_KINDS)[number];

/**
 * Kinds whose names never change, so that a later reading gives those of then: Prefect updates neither.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/schemas/actions.py (`FlowUpdate`, `DeploymentUpdate`)
 */
const NAMING: ReadonlySet<PastKind> = new Set<PastKind>(["flow", "deployment"]);

export interface PastQuestion {
  readonly atUs: ServerUs;
  /** Lists without which there is no answer. */
  readonly needs: readonly PastKind[];
  /** Lists that an answer may lack, with a note. Of flows and deployments, the names of those that were read later are known. */
  readonly parts: readonly PastKind[];
  /** Further lists that are shown. */
  readonly shows: readonly PastKind[];
  /** Runs that began since then are wanted. */
  readonly runsSinceUs: ServerUs;
}

export interface PastRecord extends Disposable {
  readonly query: QueryContext;
  /** What is not known of that moment. */
  readonly notes: readonly Sentence[];
  /** Kinds whose history begins later. */
  readonly missing: readonly PastKind[];
  /** Whether everything that the record made again is certain. */
  readonly isCertain: boolean;
}

/** Throws AppError `invalid_input` for a moment in the future, `not_found` where the record does not know that moment. */
export function openPast(ctx: QueryContext, question: PastQuestion): PastRecord {
  const { atUs, needs } = question;
  const nowUs = serverNowUs(ctx);
  if (atUs > nowUs) {
    throw new AppError(
      "invalid_input",
      sentence`at (${formatIsoSeconds(atUs)}) is in the future; now is ${formatIsoSeconds(nowUs)}.`,
      {
        hint: "Give a moment that is over, or leave at out for the present.",
      },
    );
  }
  const source = ctx.record();
  if (source === null) {
    throw new AppError("not_found", "There is no record, and Prefect keeps no past states.", {
      hint: "The record begins with the first sync; from then on, `at` is answered from it.",
    });
  }
  const localUs = onLocalClock(atUs, clockSkewUs(source));
  const begins = new Map(PAST_KINDS.map((kind) => [kind, historyBeginUs(source, kind)]));
  const missing = PAST_KINDS.filter((kind) => {
    const beginUs = begins.get(kind) ?? null;
    return kind !== "concurrency_limit" && (beginUs === null || beginUs > localUs);
  });
  const unknown = needs.filter((kind) => missing.includes(kind));
  if (unknown.length > 0) throw unknownHistory(source, unknown, begins, atUs);
  const unknownParts = question.parts.filter((kind) => missing.includes(kind));
  const past = openRecord(":memory:", "write");
  try {
    const filled = fill(ctx, source, past, { ...question, nowUs, localUs, missing });
    if (unknownParts.length === 0) return filled;
    const notes = unknownParts.filter((kind) => NAMING.has(kind)).map((kind) => unknownNames(source, kind, begins));
    const others = unknownParts.filter((kind) => !NAMING.has(kind));
    if (others.length > 0) {
      const { sentence: what, ownHint } = unknownHistory(source, others, begins, atUs);
      notes.push(ownHint === undefined ? what : sentence`${what} ${ownHint}`);
    }
    return { ...filled, notes: [...notes, ...filled.notes], isCertain: false };
  } catch (error) {
    past.close();
    throw error;
  }
}

function unknownNames(db: RecordDb, kind: PastKind, begins: ReadonlyMap<PastKind, LocalUs | null>): Sentence {
  const { plural } = KINDS[kind];
  const beginUs = begins.get(kind) ?? null;
  if (beginUs === null) return sentence`The record has never read ${plural}, so they have no names here.`;
  const begin = formatIsoSeconds(onServerClock(beginUs, clockSkewUs(db)));
  return sentence`The record of ${plural} begins at ${begin}: those that were deleted before it have no names here.`;
}

function unknownHistory(
  db: RecordDb,
  kinds: readonly PastKind[],
  begins: ReadonlyMap<PastKind, LocalUs | null>,
  atUs: ServerUs,
): AppError {
  const plurals = joined(
    kinds.map((kind) => sentence`${KINDS[kind].plural}`),
    " and ",
  );
  const known = kinds.flatMap((kind) => begins.get(kind) ?? []);
  const begin = known.length < kinds.length ? null : formatIsoSeconds(onServerClock(latestOf(known), clockSkewUs(db)));
  return new AppError("not_found", sentence`How ${plurals} were at ${formatIsoSeconds(atUs)} is not recorded.`, {
    hint:
      begin === null
        ? sentence`The record has never read ${plurals}.`
        : sentence`The record of ${plurals} begins at ${begin}; Prefect keeps no past states.`,
  });
}

interface Filling extends PastQuestion {
  readonly nowUs: ServerUs;
  readonly localUs: LocalUs;
  readonly missing: readonly PastKind[];
}

function fill(ctx: QueryContext, source: RecordDb, past: RecordDb, filling: Filling): PastRecord {
  const { atUs, localUs, nowUs, missing, parts, runsSinceUs } = filling;
  const shown = new Set<PastKind>([...filling.needs, ...parts, ...filling.shows]);
  const notes: Sentence[] = [];
  let isCertain = true;
  const doubt = (text: Sentence) => {
    isCertain = false;
    notes.push(text);
  };
  inTransaction(past, () => {
    writeFacts(ctx, source, past, localUs);
    for (const kind of PAST_KINDS) {
      const isNaming = missing.includes(kind) && parts.includes(kind) && findFact(source, `read:${kind}`) !== null;
      if (missing.includes(kind) && !isNaming) continue;
      const { uncertain, unknown } = copyObjects(source, past, kind, atUs, localUs);
      if (isNaming || !shown.has(kind)) continue;
      if (uncertain.length > 0)
        notes.push(
          sentence`Shown as last read before, because they changed around that moment: ${named(kind, uncertain)}.`,
        );
      if (unknown.length > 0) doubt(sentence`Existed, but nothing is recorded of then: ${named(kind, unknown)}.`);
    }
    const runs = copyRunsAt(source, past, { atUs, fromUs: runsSinceUs, nowUs });
    copyCoverage(source, past, atUs, runs);
    if (runs.unknown > 0)
      doubt(sentence`Left out, because the state of then is not recorded: ${counted(runs.unknown, "flow run")}.`);
  });
  return {
    query: pastContext(ctx, past, localUs),
    notes,
    missing,
    isCertain,
    [Symbol.dispose]: () => past.close(),
  };
}

const MAX_NAMED = 5;

function named(kind: PastKind, names: readonly string[]): Sentence {
  const more = names.length > MAX_NAMED ? sentence` and ${names.length - MAX_NAMED} more` : "";
  return sentence`${names.length === 1 ? sentence`${KINDS[kind].label}` : sentence`${KINDS[kind].plural}`} ${asNames(names.slice(0, MAX_NAMED))}${more}`;
}

/**
 * As if a process had followed Prefect up to that moment and had lost it then: what the copy covers is answered from it, and nothing is
 * asked. Clocks differed by what is known now.
 */
function writeFacts(ctx: QueryContext, source: RecordDb, past: RecordDb, localUs: LocalUs): void {
  const skewMs = clockSkewUs(source) / 1_000;
  putFact(past, "clock", { skewMs, measuredUs: localUs, bootedUs: ctx.clock.bootedUs() }, localUs);
  putFact(past, "syncer", { pid: 0, host: "", sinceUs: localUs, heartbeatUs: localUs }, localUs);
  const error = { code: "unavailable", message: "past", hint: null } as const;
  putFact(past, "connection", { reachable: false, sinceUs: localUs, lastContactUs: localUs, error }, localUs);
}

/** Tag and global limits are left out: how many of their slots were taken is not kept. */
function isKept(kind: PastKind, doc: SnapshotObjects[PastKind]): boolean {
  return kind !== "concurrency_limit" || (doc as ConcurrencyLimit).name.startsWith("deployment:");
}

function copyObjects(source: RecordDb, past: RecordDb, kind: PastKind, atUs: ServerUs, localUs: LocalUs) {
  const found = findObjectsAt(source, kind, localUs);
  const statuses = factsOf(kind).isStatusAnEvent ? statusesAt(source, kind, atUs) : null;
  const docs = found.objects.filter((doc) => isKept(kind, doc)).map((doc) => withStatus(doc, statuses));
  upsertObjects(past, kind, docs as never, localUs, true);
  if (areNamesInServerOrder(source, kind))
    putFact<`names:${SnapshotKind}`>(past, `names:${kind}`, { isByCodePoint: true }, localUs);
  return found;
}

/** As far back as the recorded events reach without a gap. */
function statusesAt(source: RecordDb, kind: PastKind, atUs: ServerUs): ReadonlyMap<string, string> {
  const range = rangeAt(source, "event", atUs);
  return range === null ? new Map() : findStatusesAt(source, kind, range.fromUs, atUs);
}

function withStatus<T extends { readonly id: string }>(doc: T, statuses: ReadonlyMap<string, string> | null): T {
  if (statuses === null) return doc;
  const { status: _, ...rest } = doc as T & { readonly status?: unknown };
  const status = statuses.get(doc.id);
  return { ...rest, ...(status === undefined ? {} : { status }) } as unknown as T;
}

function rangeAt(db: RecordDb, kind: string, atUs: ServerUs): TimeRange | null {
  return mergeRanges(coveredRanges(db, kind, "")).find((range) => range.fromUs <= atUs && range.toUs >= atUs) ?? null;
}

/** What was covered by now of the time up to the moment, as far as runs were copied. */
function copyCoverage(source: RecordDb, past: RecordDb, atUs: ServerUs, runs: RunsAt): void {
  const localUs = onLocalClock(atUs, clockSkewUs(source));
  for (const range of mergeRanges(coveredRanges(source, "flow_run", ""))) {
    const fromUs = latestUs(range.fromUs, runs.fromUs);
    const toUs = earliestUs(range.toUs, atUs);
    const claim = {
      fromUs,
      toUs,
      source: "catch-up",
      verifiedUs: localUs,
      serverCount: null,
      recordCount: null,
    } as const;
    addCoverage(past, "flow_run", "", claim);
  }
  putFact(past, "read:unfinished", { readUs: localUs }, localUs);
}

function pastContext(ctx: QueryContext, past: RecordDb, localUs: LocalUs): QueryContext {
  const { clock, freshMs, liveDeadlineMs, uiUrl, instance, signal, liveUntilMs } = ctx;
  return {
    record: () => past,
    api: () => {
      throw new AppError("unavailable", own("Prefect keeps no past states"));
    },
    clock: {
      nowUs: () => localUs,
      steadyMs: () => clock.steadyMs(),
      bootedUs: () => clock.bootedUs(),
      sleep: (ms, stop) => clock.sleep(ms, stop),
    },
    saveLive: () => undefined,
    freshMs,
    liveDeadlineMs,
    uiUrl,
    docsUrl: null,
    instance,
    signal,
    liveUntilMs,
    outage: { isOver: false, matters: false },
  };
}
