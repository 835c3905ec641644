/**
 * A schedule: what the world does, when. Made from a seed, plain data, so that it can be cut down to the steps that matter and
 * run again exactly.
 */
import { Prng } from "./prng.ts";

/** What is wrong with the server or the way to it, for a while. */
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
  // the socket
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
      readonly lost: boolean;
    }
  /** Some earlier events are published once more. */
  | { readonly kind: "resend"; readonly atMs: number; readonly seed: number; readonly count: number }
  /** A flow run with a few states, task runs and log lines. */
  | {
      readonly kind: "run";
      readonly atMs: number;
      readonly seed: number;
      readonly fails: boolean;
      /** Deleted before it is over. */
      readonly deleted: boolean;
      /** Planned by the scheduler: no event tells of it. */
      readonly silent: boolean;
    }
  | { readonly kind: "fault"; readonly atMs: number; readonly what: FaultKind; readonly forMs: number }
  /** The process dies at a write (`writes` from then), or at once. Another comes after `downMs`. */
  | { readonly kind: "kill"; readonly atMs: number; readonly writes: number; readonly downMs: number }
  /** The process ends as asked. */
  | { readonly kind: "end"; readonly atMs: number; readonly downMs: number }
  /** A second process that believes to lead writes beside the first. */
  | { readonly kind: "second"; readonly atMs: number; readonly forMs: number }
  /** The machine sleeps. */
  | { readonly kind: "sleep"; readonly atMs: number; readonly forMs: number }
  | {
      readonly kind: "server";
      readonly atMs: number;
      readonly how: "stopped" | "killed" | "emptied";
      readonly downMs: number;
    }
  /** The next flush of the server fails for good. */
  | { readonly kind: "poison"; readonly atMs: number }
  /** A client reads events live and hands them on. */
  | { readonly kind: "live"; readonly atMs: number; readonly fromMs: number; readonly toMs: number }
  /** Somebody asks for a certificate in the middle of it all. */
  | { readonly kind: "audit"; readonly atMs: number; readonly deep: boolean };

export interface Knobs {
  /** Clocks minus true time. */
  readonly serverSkewMs: number;
  readonly clientSkewMs: number;
  /** Whether the client ever learns the skew. */
  readonly skewKnown: boolean;
  readonly retentionMs: number;
  readonly backfillMs: number;
  /** The record's own retention; 0 = none. */
  readonly keepMs: number;
  readonly pageSize: number;
  /** Rows of one instant come in any order (PostgreSQL). */
  readonly looseTies: boolean;
  /** `count-by` rounds to the next bucket (old SQLite). */
  readonly rounds: boolean;
  /** Events stored before the first process begins, over this time. */
  readonly history: number;
  readonly historyMs: number;
  readonly stream: boolean;
  /** The server has lists of deployments and so on (empty ones). */
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
  const chance = new Prng(seed);
  const knobs = makeKnobs(chance);
  const roll = chance.next();
  const steps: Step[] = roll < 0.04 ? twins(chance) : roll < 0.1 ? longOutage(chance) : [];
  const lengthMs = Math.max(chance.int(10, 45) * 1000, ...steps.map(endOf));
  const many = steps.length > 0 ? chance.int(0, 3) : chance.int(3, 9);
  for (let i = 0; i < many; i += 1) steps.push(makeStep(chance, lengthMs, knobs));
  // Something must happen after the trouble for the trouble to matter.
  steps.push(emitStep(chance, chance.int(500, lengthMs), knobs));
  steps.sort((a, b) => a.atMs - b.atMs);
  return { seed, knobs, steps, endMs: lengthMs + 1000 };
}

function endOf(step: Step): number {
  return step.atMs + ("forMs" in step && step.kind === "fault" ? step.forMs : 0) + 1_000;
}

/** A database is replaced, and afterwards holds as many events of the same time as before, but others. */
function twins(chance: Prng): Step[] {
  const atMs = chance.int(1_500, 5_000);
  const laterMs = atMs + chance.int(35_000, 50_000);
  const count = chance.int(8, 16);
  const emit = { kind: "emit" as const, spreadMs: 0, ties: false, lost: false };
  return [
    { ...emit, atMs, seed: chance.int(1, 1e9), count, lateMs: 0 },
    { kind: "server", atMs: atMs + chance.int(9_000, 14_000), how: "emptied", downMs: chance.int(200, 2_000) },
    { kind: "fault", atMs: laterMs - 2_000, what: "deaf", forMs: 4_000 },
    { ...emit, atMs: laterMs, seed: chance.int(1, 1e9), count: count - chance.int(0, 1), lateMs: laterMs - atMs },
  ];
}

/** Long enough for a back-off to grow. */
function longOutage(chance: Prng): Step[] {
  const atMs = chance.int(2_000, 8_000);
  const forMs = chance.int(45_000, 150_000);
  const what = chance.pick(["down", "down", "disk-full", "error-503"] as const);
  const emit = { kind: "emit" as const, count: 3, lateMs: 0, spreadMs: 4_000, ties: false, lost: false };
  return [
    { kind: "fault", atMs, what, forMs },
    { ...emit, atMs: atMs + Math.floor(forMs / 2), seed: chance.int(1, 1e9) },
    { ...emit, atMs: atMs + forMs - 3_000, seed: chance.int(1, 1e9) },
  ];
}

function makeKnobs(chance: Prng): Knobs {
  const skew = () =>
    chance.chance(0.4) ? 0 : chance.pick([-1, 1]) * chance.pick([700, 5_000, 90_000, 20 * MINUTE, 3 * HOUR]);
  const short = chance.chance(0.2);
  const retentionMs = short ? chance.int(3, 20) * MINUTE : 7 * 24 * HOUR;
  return {
    serverSkewMs: skew(),
    clientSkewMs: skew(),
    skewKnown: !chance.chance(0.05),
    retentionMs,
    backfillMs: chance.pick([10 * MINUTE, 2 * HOUR, 24 * HOUR, 7 * 24 * HOUR]),
    keepMs: chance.chance(0.1) ? chance.int(2, 10) * MINUTE : 0,
    pageSize: chance.pick([4, 5, 6, 9, 50]),
    looseTies: chance.chance(0.3),
    rounds: chance.chance(0.3),
    history: chance.chance(0.5) ? chance.int(1, 60) : 0,
    historyMs: chance.pick([2 * MINUTE, 30 * MINUTE, 5 * HOUR, 30 * HOUR]),
    stream: !chance.chance(0.1),
    objects: chance.chance(0.2),
  };
}

function makeStep(chance: Prng, lengthMs: number, knobs: Knobs): Step {
  const atMs = chance.int(200, lengthMs);
  const roll = chance.next();
  if (roll < 0.38) return emitStep(chance, atMs, knobs);
  if (roll < 0.41) return { kind: "resend", atMs, seed: chance.int(1, 1e9), count: chance.int(1, 12) };
  if (roll < 0.48)
    return {
      kind: "run",
      atMs,
      seed: chance.int(1, 1e9),
      fails: chance.chance(0.5),
      deleted: chance.chance(0.25),
      silent: chance.chance(0.2),
    };
  if (roll < 0.72)
    return { kind: "fault", atMs, what: pickFault(chance), forMs: chance.pick([300, 2_000, 8_000, 20_000, 50_000]) };
  if (roll < 0.81) {
    const writes = chance.chance(0.8) ? chance.int(1, 120) : 0;
    return { kind: "kill", atMs, writes, downMs: chance.pick([0, 1_000, 5_000, 30_000]) };
  }
  if (roll < 0.83) return { kind: "end", atMs, downMs: chance.pick([0, 2_000, 20_000]) };
  if (roll < 0.85) return { kind: "second", atMs, forMs: chance.int(1, 20) * 1000 };
  if (roll < 0.88) return { kind: "sleep", atMs, forMs: chance.pick([20_000, 10 * MINUTE, 70 * MINUTE, 7 * HOUR]) };
  if (roll < 0.94) {
    const how = chance.pick(["stopped", "killed", "killed", "emptied"] as const);
    return { kind: "server", atMs, how, downMs: chance.pick([500, 3_000, 15_000]) };
  }
  if (roll < 0.96) return { kind: "poison", atMs };
  if (roll < 0.98) {
    const fromMs = chance.int(0, 5 * MINUTE);
    return { kind: "live", atMs, fromMs, toMs: chance.int(0, fromMs) };
  }
  return { kind: "audit", atMs, deep: chance.chance(0.3) };
}

function emitStep(chance: Prng, atMs: number, knobs: Knobs): Step {
  const isLate = chance.chance(0.25);
  const reach = Math.min(knobs.retentionMs, knobs.backfillMs) * 0.8;
  const lateMs = isLate
    ? Math.min(reach, chance.pick([20_000, 3 * MINUTE, 40 * MINUTE, 5 * HOUR]))
    : chance.chance(0.1)
      ? -chance.int(1, 120) * 1000
      : 0;
  const count = chance.chance(0.25) ? chance.int(10, 40) : chance.int(1, 6);
  return {
    kind: "emit",
    atMs,
    seed: chance.int(1, 1e9),
    count,
    lateMs,
    spreadMs: chance.chance(0.5) ? 0 : chance.int(1, 4_000),
    ties: chance.chance(0.35),
    lost: chance.chance(0.08),
  };
}

function pickFault(chance: Prng): FaultKind {
  let left = chance.next() * FAULTS.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [kind, weight] of FAULTS) {
    left -= weight;
    if (left < 0) return kind;
  }
  return "down";
}
