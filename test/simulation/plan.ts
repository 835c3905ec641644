/**
 * A schedule: what happens to server, network, disk and processes, and when. It is made from a seed and is plain data,
 * so that it can be reduced to the steps that cause a failure and repeated exactly.
 */
import { Prng } from "./prng.ts";
import type { SuspendCount } from "./sim-clocks.ts";

/** A fault of the server, the network or a disk that lasts for a while. */
export type FaultKind =
  // requests
  | "down"
  | "error-500"
  | "error-502"
  | "error-503"
  | "error-429"
  | "error-401"
  | "error-403"
  | "error-422"
  | "hanging"
  | "slow"
  | "count-500"
  | "lie-empty-next"
  | "lie-outside"
  | "lie-short"
  | "lie-disorder"
  | "lie-repeat"
  // the `Date` header
  | "old-headers"
  // the websocket
  | "refused"
  | "rejected"
  | "half-open"
  | "deaf"
  | "lossy"
  | "shuffled"
  | "doubled"
  // storage of the server
  | "straggling"
  // storage of the record
  | "disk-full";

export type ClockOwner = "product" | "server" | "both";

export type Step =
  /** Events are published together. `lateMs`: how long ago they occurred. `lost`: the server never stores them. */
  | {
      readonly kind: "emit";
      readonly atMs: number;
      readonly seed: number;
      readonly count: number;
      readonly lateMs: number;
      readonly spreadMs: number;
      readonly ties: boolean;
      /** They have one name and one resource. */
      readonly alike: boolean;
      readonly lost: boolean;
    }
  /** Some earlier events are published again. */
  | { readonly kind: "resend"; readonly atMs: number; readonly seed: number; readonly count: number }
  /** Senders send the newest events again that a restored database has lost, with the same ids. */
  | { readonly kind: "resend-lost"; readonly atMs: number; readonly count: number }
  /** A flow run with a few states, task runs and log lines. */
  | {
      readonly kind: "run";
      readonly atMs: number;
      readonly seed: number;
      readonly fails: boolean;
      /** The run is deleted before it ends. */
      readonly deleted: boolean;
      /** Scheduled by a deployment: creating it causes no event. */
      readonly silent: boolean;
    }
  /**
   * Over REST, without an event: ended task runs are deleted and as many made for the past, so that no count shows it, and another one
   * gets another state.
   */
  | { readonly kind: "exchange"; readonly atMs: number; readonly seed: number; readonly count: number }
  | { readonly kind: "fault"; readonly atMs: number; readonly what: FaultKind; readonly forMs: number }
  /** The process is killed at a write (`writes` later), or at once. Another one starts after `downMs`. */
  | { readonly kind: "kill"; readonly atMs: number; readonly writes: number; readonly downMs: number }
  /** The process is asked to end, and does. */
  | { readonly kind: "end"; readonly atMs: number; readonly downMs: number }
  /** A second process writes beside the first, as if it held the leader lock too. */
  | { readonly kind: "second"; readonly atMs: number; readonly forMs: number }
  /** The machine of the processes is suspended, and with it the server if it is on the same one. */
  | ({
      readonly kind: "sleep";
      readonly atMs: number;
      readonly forMs: number;
      readonly withServer: boolean;
    } & SuspendCount)
  /** The wall clock of a machine is set. A server on the same machine has the same one. */
  | { readonly kind: "set-clock"; readonly atMs: number; readonly of: ClockOwner; readonly byMs: number }
  | {
      readonly kind: "server";
      readonly atMs: number;
      readonly how: "stopped" | "killed" | "emptied" | "restored";
      readonly downMs: number;
      /** Age of the backup to which the database is restored. */
      readonly backMs: number;
    }
  /** Another server answers at the URL for a while, then the first one again. */
  | {
      readonly kind: "swap";
      readonly atMs: number;
      readonly forMs: number;
      readonly seed: number;
      /** Which of the other servers: the same one may answer again later. */
      readonly which: number;
      /** Open websockets stay connected to the former server. */
      readonly keepsConnections: boolean;
      /** Its database is a copy of the same template, so block types have the same ids. */
      readonly isCopy: boolean;
      /** Events that it has when it first answers, and events that the former server stores while it is away. */
      readonly events: number;
      readonly missed: number;
    }
  /** The server loses the events of its next flush. */
  | { readonly kind: "failed-flush"; readonly atMs: number }
  /** A query reads events live and hands them to the session as a live batch. */
  | { readonly kind: "live"; readonly atMs: number; readonly fromMs: number; readonly toMs: number }
  /** A query reads a flow run live, and its answer, or that Prefect does not have the run, reaches the session `lateMs` later. */
  | { readonly kind: "live-run"; readonly atMs: number; readonly seed: number; readonly lateMs: number }
  /** An audit runs while faults last. */
  | { readonly kind: "audit"; readonly atMs: number; readonly deep: boolean };

export interface Knobs {
  /** The clocks minus true time. */
  readonly serverSkewMs: number;
  readonly clientSkewMs: number;
  /** Whether the skew can be measured. */
  readonly skewKnown: boolean;
  readonly retentionMs: number;
  readonly backfillMs: number;
  /** The record's own retention; 0 = none. */
  readonly keepMs: number;
  readonly pageSize: number;
  /**
   * Rows of one instant have another order in each answer, or in each query, as on PostgreSQL: there the pages of an instant leave out
   * the same rows each time.
   */
  readonly ties: "insertion" | "random" | "by-query";
  /** `count-by` rounds times to the next bucket (old SQLite versions). */
  readonly rounds: boolean;
  /** Number of events that the server has before the first process starts, and the time over which they occurred. */
  readonly history: number;
  readonly historyMs: number;
  readonly stream: boolean;
  /** The server has routes for lists of deployments and so on (empty ones). */
  readonly objects: boolean;
}

export interface Plan {
  readonly seed: number;
  readonly knobs: Knobs;
  readonly steps: readonly Step[];
  readonly endMs: number;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const ORDINARY = { ties: false, alike: false, lost: false };

const FAULTS: readonly (readonly [FaultKind, number])[] = [
  ["down", 3],
  ["error-500", 1],
  ["error-502", 1],
  ["error-503", 2],
  ["error-429", 2],
  ["error-401", 1],
  ["error-403", 1],
  ["error-422", 1],
  ["hanging", 1],
  ["slow", 2],
  ["count-500", 1],
  ["lie-empty-next", 1],
  ["lie-outside", 1],
  ["lie-short", 2],
  ["lie-disorder", 1],
  ["lie-repeat", 1],
  ["old-headers", 3],
  ["refused", 2],
  ["rejected", 1],
  ["half-open", 2],
  ["deaf", 1],
  ["lossy", 3],
  ["shuffled", 2],
  ["doubled", 1],
  ["straggling", 2],
  ["disk-full", 2],
];

export function makePlan(seed: number): Plan {
  const random = new Prng(seed);
  const made = makeKnobs(random);
  const roll = random.next();
  const isDropping = roll >= 0.39 && roll < 0.42;
  const knobs = isDropping ? { ...made, ...keptMinutes(random) } : made;
  const steps: Step[] =
    roll < 0.04
      ? replacedDatabase(random, "emptied")
      : roll < 0.08
        ? replacedDatabase(random, "restored")
        : roll < 0.14
          ? longOutage(random)
          : roll < 0.2
            ? [swapStep(random, random.int(20_000, 40_000))]
            : roll < 0.26
              ? clockSetTwice(random)
              : roll < 0.29
                ? exchangedTaskRuns(random)
                : roll < 0.31
                  ? eventsNeverStored(random)
                  : roll < 0.33
                    ? deletedAndRestored(random)
                    : roll < 0.37
                      ? deletedAndLate(random)
                      : roll < 0.39
                        ? sentAgain(random)
                        : isDropping
                          ? [{ kind: "fault", atMs: 200, what: "slow", forMs: random.int(40_000, 70_000) }]
                          : roll < 0.44
                            ? statesLost(random)
                            : [];
  const lengthMs = Math.max(random.int(10, 45) * 1000, ...steps.map(endOf));
  const many = steps.length > 0 ? random.int(0, 3) : random.int(3, 9);
  for (let i = 0; i < many; i += 1) steps.push(makeStep(random, lengthMs, knobs));
  // An event after the faults shows whether the engine has recovered.
  steps.push(emitStep(random, random.int(500, lengthMs), knobs));
  steps.sort((a, b) => a.atMs - b.atMs);
  return { seed, knobs, steps, endMs: lengthMs + 1000 };
}

function endOf(step: Step): number {
  return step.atMs + ("forMs" in step && (step.kind === "fault" || step.kind === "swap") ? step.forMs : 0) + 1_000;
}

/** A database is replaced or restored, and then has as many events of the same time as before, but different ones. */
function replacedDatabase(random: Prng, how: "emptied" | "restored"): Step[] {
  const atMs = random.int(1_500, 5_000);
  const laterMs = atMs + random.int(35_000, 50_000);
  const replacedMs = atMs + random.int(9_000, 14_000);
  const count = random.int(8, 16);
  const emit = { kind: "emit" as const, spreadMs: 0, ...ORDINARY };
  return [
    { ...emit, atMs, seed: random.int(1, 1e9), count, lateMs: 0 },
    { kind: "server", atMs: replacedMs, how, downMs: random.int(200, 2_000), backMs: replacedMs - atMs + 500 },
    { kind: "fault", atMs: laterMs - 2_000, what: "deaf", forMs: 4_000 },
    { ...emit, atMs: laterMs, seed: random.int(1, 1e9), count: count - random.int(0, 1), lateMs: laterMs - atMs },
  ];
}

/**
 * A restored database has lost a flow run and many events, and most of the events are sent again while the server starts. It stores
 * twenty at once, so that it has them before anything is read.
 */
function sentAgain(random: Prng): Step[] {
  const atMs = random.int(1_500, 5_000);
  // When the rounds do not read the time of the run any more.
  const emitMs = atMs + random.int(140_000, 170_000);
  const restoredMs = emitMs + random.int(8_000, 14_000);
  const backMs = restoredMs - atMs + 500;
  const run = { kind: "run" as const, fails: random.chance(0.5), deleted: false, silent: random.chance(0.2) };
  return [
    { kind: "emit", atMs: 500, seed: random.int(1, 1e9), count: 3, lateMs: 0, spreadMs: 0, ...ORDINARY },
    { ...run, atMs, seed: random.int(1, 1e9) },
    { kind: "emit", atMs: emitMs, seed: random.int(1, 1e9), count: 24, lateMs: 0, spreadMs: 0, ...ORDINARY },
    { kind: "server", atMs: restoredMs, how: "restored", downMs: random.int(500, 2_000), backMs },
    { kind: "resend-lost", atMs: restoredMs + 100, count: random.int(20, 23) },
  ];
}

/** Events are streamed that the server never stores, and later it stores as many of the same time that were not streamed. */
function eventsNeverStored(random: Prng): Step[] {
  const atMs = random.int(1_500, 5_000);
  const laterMs = atMs + random.int(35_000, 60_000);
  const count = random.int(1, 6);
  const emit = { kind: "emit" as const, spreadMs: 0, ...ORDINARY };
  return [
    { ...emit, atMs, seed: random.int(1, 1e9), count: random.int(8, 20), lateMs: 0 },
    { ...emit, atMs: atMs + random.int(1_000, 4_000), seed: random.int(1, 1e9), count, lateMs: 0, lost: true },
    { kind: "fault", atMs: laterMs - 2_000, what: "deaf", forMs: 4_000 },
    { ...emit, atMs: laterMs, seed: random.int(1, 1e9), count, lateMs: laterMs - atMs },
  ];
}

/** A backup has a flow run that was deleted since. */
function deletedAndRestored(random: Prng): Step[] {
  const atMs = random.int(1_000, 3_000);
  const restoredMs = atMs + random.int(25_000, 60_000);
  const backMs = restoredMs - atMs - random.int(1_000, 8_000);
  const run = { kind: "run" as const, fails: random.chance(0.5), deleted: true, silent: random.chance(0.3) };
  return [
    { kind: "emit", atMs: 500, seed: random.int(1, 1e9), count: 3, lateMs: 0, spreadMs: 0, ...ORDINARY },
    { ...run, atMs, seed: random.int(1, 1e9) },
    { kind: "server", atMs: restoredMs, how: "restored", downMs: random.int(200, 2_000), backMs },
  ];
}

/** A backup has a flow run and its task runs with earlier states than the record. */
function statesLost(random: Prng): Step[] {
  const atMs = random.int(1_500, 4_000);
  const restoredMs = atMs + random.int(14_000, 40_000);
  const backMs = restoredMs - atMs - random.int(4_000, 11_000);
  const run = { kind: "run" as const, fails: random.chance(0.5), deleted: false, silent: false };
  return [
    { kind: "emit", atMs: 500, seed: random.int(1, 1e9), count: 3, lateMs: 0, spreadMs: 0, ...ORDINARY },
    ...Array.from({ length: 3 }, () => ({ ...run, atMs: atMs + random.int(0, 2_000), seed: random.int(1, 1e9) })),
    { kind: "server", atMs: restoredMs, how: "restored", downMs: random.int(200, 2_000), backMs },
  ];
}

/** When the rounds do not read the time of the first ones any more. */
function exchangedTaskRuns(random: Prng): Step[] {
  const atMs = random.int(1_000, 4_000);
  const run = { kind: "run" as const, fails: random.chance(0.5), deleted: false, silent: random.chance(0.3) };
  return [
    { ...run, atMs, seed: random.int(1, 1e9) },
    { kind: "exchange", atMs: atMs + random.int(80_000, 130_000), seed: random.int(1, 1e9), count: random.int(1, 3) },
  ];
}

/** A flow run is deleted while answers and events of before are on their way. */
function deletedAndLate(random: Prng): Step[] {
  const atMs = random.int(1_500, 5_000);
  const run = { kind: "run" as const, fails: random.chance(0.5), deleted: true, silent: random.chance(0.2) };
  const deafMs = atMs + random.int(500, 5_000);
  const read = (fromMs: number, toMs: number) => ({
    kind: "live-run" as const,
    atMs: atMs + random.int(fromMs, toMs),
    seed: random.int(1, 1e9),
    lateMs: random.pick([0, 0, 5_000, 20_000]),
  });
  const reads = [
    ...Array.from({ length: random.int(1, 4) }, () => read(100, 6_000)),
    ...Array.from({ length: random.int(2, 5) }, () => read(4_000, 14_000)),
  ];
  return [
    { ...run, atMs, seed: random.int(1, 1e9) },
    { kind: "fault", atMs: deafMs, what: "deaf", forMs: 25_000 },
    { kind: "fault", atMs: deafMs, what: "straggling", forMs: 25_000 },
    ...reads,
  ];
}

/** As by a time server that is wrong for a while. */
function clockSetTwice(random: Prng): Step[] {
  const first = setClockStep(random, random.int(2_000, 15_000));
  const emit = { kind: "emit" as const, count: 3, lateMs: 0, spreadMs: 4_000, ...ORDINARY };
  const laterMs = first.atMs + random.pick([400, 2_000, 8_000, 40_000]);
  return [
    first,
    { ...emit, atMs: first.atMs + 200, seed: random.int(1, 1e9) },
    { ...first, atMs: laterMs, byMs: -first.byMs },
    { ...emit, atMs: laterMs + 100, seed: random.int(1, 1e9) },
  ];
}

/** The oldest events are dropped while a slow backfill reads those that follow. */
function keptMinutes(random: Prng): Partial<Knobs> {
  const keepMs = random.int(2, 4) * MINUTE;
  return {
    keepMs,
    history: random.int(50, 80),
    historyMs: keepMs + MINUTE,
    backfillMs: random.pick([2 * HOUR, DAY]),
    retentionMs: 7 * DAY,
    pageSize: random.pick([4, 5, 6]),
    skewKnown: true,
  };
}

/** Long enough for a back-off to reach its maximum. */
function longOutage(random: Prng): Step[] {
  const atMs = random.int(2_000, 8_000);
  const forMs = random.int(45_000, 150_000);
  const what = random.pick(["down", "down", "disk-full", "error-503"] as const);
  const emit = { kind: "emit" as const, count: 3, lateMs: 0, spreadMs: 4_000, ...ORDINARY };
  return [
    { kind: "fault", atMs, what, forMs },
    { ...emit, atMs: atMs + Math.floor(forMs / 2), seed: random.int(1, 1e9) },
    { ...emit, atMs: atMs + forMs - 3_000, seed: random.int(1, 1e9) },
  ];
}

function makeKnobs(random: Prng): Knobs {
  const skew = () =>
    random.chance(0.4) ? 0 : random.pick([-1, 1]) * random.pick([700, 5_000, 90_000, 20 * MINUTE, 3 * HOUR]);
  const short = random.chance(0.2);
  const retentionMs = short ? random.int(3, 20) * MINUTE : 7 * 24 * HOUR;
  return {
    serverSkewMs: skew(),
    clientSkewMs: skew(),
    skewKnown: !random.chance(0.05),
    retentionMs,
    backfillMs: random.pick([10 * MINUTE, 2 * HOUR, 24 * HOUR, 7 * 24 * HOUR]),
    keepMs: random.chance(0.1) ? random.int(2, 10) * MINUTE : 0,
    pageSize: random.pick([4, 5, 6, 9, 50]),
    ties: random.pick(["insertion", "insertion", "random", "by-query"]),
    rounds: random.chance(0.3),
    history: random.chance(0.5) ? random.int(1, 60) : 0,
    historyMs: random.pick([2 * MINUTE, 30 * MINUTE, 5 * HOUR, 30 * HOUR]),
    stream: !random.chance(0.1),
    objects: random.chance(0.2),
  };
}

function makeStep(random: Prng, lengthMs: number, knobs: Knobs): Step {
  const atMs = random.int(200, lengthMs);
  const roll = random.next();
  if (roll < 0.38) return emitStep(random, atMs, knobs);
  if (roll < 0.41) return { kind: "resend", atMs, seed: random.int(1, 1e9), count: random.int(1, 12) };
  if (roll < 0.48)
    return {
      kind: "run",
      atMs,
      seed: random.int(1, 1e9),
      fails: random.chance(0.5),
      deleted: random.chance(0.25),
      silent: random.chance(0.2),
    };
  if (roll < 0.72)
    return { kind: "fault", atMs, what: pickFault(random), forMs: random.pick([300, 2_000, 8_000, 20_000, 50_000]) };
  if (roll < 0.81) {
    const writes = random.chance(0.8) ? random.int(1, 120) : 0;
    return { kind: "kill", atMs, writes, downMs: random.pick([0, 1_000, 5_000, 30_000]) };
  }
  if (roll < 0.83) return { kind: "end", atMs, downMs: random.pick([0, 2_000, 20_000]) };
  if (roll < 0.85) return { kind: "second", atMs, forMs: random.int(1, 20) * 1000 };
  if (roll < 0.875) return sleepStep(random, atMs);
  if (roll < 0.905) return setClockStep(random, atMs);
  if (roll < 0.94) {
    const how = random.pick(["stopped", "killed", "killed", "emptied", "restored"] as const);
    return { kind: "server", atMs, how, downMs: random.pick([500, 3_000, 15_000]), backMs: random.int(500, 40_000) };
  }
  if (roll < 0.945) return swapStep(random, atMs);
  if (roll < 0.96) return { kind: "failed-flush", atMs };
  if (roll < 0.965)
    return { kind: "live-run", atMs, seed: random.int(1, 1e9), lateMs: random.pick([0, 3_000, 20_000]) };
  if (roll < 0.98) {
    const fromMs = random.int(0, 5 * MINUTE);
    return { kind: "live", atMs, fromMs, toMs: random.int(0, fromMs) };
  }
  return { kind: "audit", atMs, deep: random.chance(0.3) };
}

function swapStep(random: Prng, atMs: number): Step {
  return {
    kind: "swap",
    atMs,
    forMs: random.pick([70_000, 100_000, 10 * MINUTE]),
    seed: random.int(1, 1e9),
    which: random.int(0, 1),
    keepsConnections: random.chance(0.4),
    isCopy: random.chance(0.5),
    events: random.pick([0, 3, 30]),
    missed: random.int(0, 8),
  };
}

function emitStep(random: Prng, atMs: number, knobs: Knobs): Step {
  const isLate = random.chance(0.25);
  const reach = Math.min(knobs.retentionMs, knobs.backfillMs) * 0.8;
  const lateMs = isLate
    ? Math.min(reach, random.pick([20_000, 3 * MINUTE, 40 * MINUTE, 5 * HOUR]))
    : random.chance(0.1)
      ? -random.int(1, 120) * 1000
      : 0;
  const count = random.chance(0.25) ? random.int(10, 40) : random.int(1, 6);
  return {
    kind: "emit",
    atMs,
    seed: random.int(1, 1e9),
    count,
    lateMs,
    spreadMs: random.chance(0.5) ? 0 : random.int(1, 4_000),
    ties: random.chance(0.35),
    alike: random.chance(0.15),
    lost: random.chance(0.08),
  };
}

function sleepStep(random: Prng, atMs: number): Step {
  const monotonic = random.chance(0.4);
  return {
    kind: "sleep",
    atMs,
    forMs: random.pick([1_500, 20_000, 10 * MINUTE, 70 * MINUTE, 7 * HOUR, 2 * DAY]),
    withServer: random.chance(0.3),
    monotonic,
    uptime: monotonic || random.chance(0.6),
  };
}

function setClockStep(random: Prng, atMs: number): Extract<Step, { kind: "set-clock" }> {
  const of = random.pick(["product", "product", "server", "server", "both"] as const);
  const byMs = random.pick([700, 3_000, 40_000, 90_000, 20 * MINUTE, 2 * HOUR, 26 * HOUR]);
  return { kind: "set-clock", atMs, of, byMs: random.pick([-1, 1]) * byMs };
}

function pickFault(random: Prng): FaultKind {
  let left = random.next() * FAULTS.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [kind, weight] of FAULTS) {
    left -= weight;
    if (left < 0) return kind;
  }
  return "down";
}
