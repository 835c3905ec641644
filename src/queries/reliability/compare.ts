/** What got worse from one window to the next, in words and as a number by which groups are ranked. */
import { durationText } from "../../lib/duration-text.ts";
import { type Sentence, sentence } from "../../lib/shown-text.ts";
import { SECOND_US } from "../../lib/time.ts";
import type { Figures } from "./measure.ts";

export interface Comparison {
  /** 0: nothing got worse. Only the order of these numbers has a meaning. */
  readonly score: number;
  readonly worse: readonly Sentence[];
}

/** So many runs make a difference in the success rate count fully: one failure of one run is weak evidence. */
const FULL_WEIGHT_RUNS = 5;
/** Completed runs of each window that a comparison of durations needs. */
const MIN_DURATIONS = 3;
/** Durations that grew by less, or by under a second, are noise. */
const MIN_FACTOR = 1.2;
/** So many runs before show that a group has stopped running. */
const MIN_RUNS_BEFORE = 3;

const NOTHING_WORSE: Comparison = { score: 0, worse: [] };

/** `before`: figures of the window before, null where they are unknown. */
export function compare(now: Figures, before: Figures | null): Comparison {
  if (before === null || before.runs === 0) return NOTHING_WORSE;
  if (now.runs === 0) {
    if (before.runs < MIN_RUNS_BEFORE) return NOTHING_WORSE;
    return { score: 0.5, worse: [sentence`no runs, ${before.runs} before`] };
  }
  const found = [success(now, before), duration(now, before), lateness(now, before), recovery(now, before)];
  return {
    score: found.reduce((sum, one) => sum + one.score, 0),
    worse: found.flatMap((one) => one.worse),
  };
}

function success(now: Figures, before: Figures): Comparison {
  if (now.successRate === null || before.successRate === null) return NOTHING_WORSE;
  const drop = before.successRate - now.successRate;
  if (drop <= 0) return NOTHING_WORSE;
  const weight = Math.min(1, (now.completed + now.failed) / FULL_WEIGHT_RUNS);
  return {
    score: drop * weight,
    worse: [sentence`success ${percent(before.successRate)} → ${percent(now.successRate)}`],
  };
}

function duration(now: Figures, before: Figures): Comparison {
  if (Math.min(now.completed, before.completed) < MIN_DURATIONS) return NOTHING_WORSE;
  const [median, tail] = [growth(now.p50Us, before.p50Us), growth(now.p95Us, before.p95Us)];
  const factor = Math.max(median, tail);
  if (factor < MIN_FACTOR) return NOTHING_WORSE;
  const [name, fromUs, toUs] =
    median >= tail ? (["p50", before.p50Us, now.p50Us] as const) : (["p95", before.p95Us, now.p95Us] as const);
  const words = sentence`${name} ${durationText(fromUs ?? 0)} → ${durationText(toUs ?? 0)}`;
  return { score: Math.min(1, Math.log2(factor) / 2) / 2, worse: [words] };
}

function growth(nowUs: number | null, beforeUs: number | null): number {
  if (nowUs === null || beforeUs === null || nowUs - beforeUs < SECOND_US) return 1;
  return nowUs / Math.max(beforeUs, SECOND_US / 10);
}

function lateness(now: Figures, before: Figures): Comparison {
  const more = now.late / now.runs - before.late / before.runs;
  if (more <= 0) return NOTHING_WORSE;
  const words = sentence`late ${before.late} of ${before.runs} → ${now.late} of ${now.runs}`;
  return { score: (more / 2) * Math.min(1, now.runs / FULL_WEIGHT_RUNS), worse: [words] };
}

function recovery(now: Figures, before: Figures): Comparison {
  const { recoveryUs } = now;
  if (recoveryUs === null || before.recoveryUs === null || recoveryUs < 2 * before.recoveryUs) return NOTHING_WORSE;
  const words = sentence`recovery ${durationText(before.recoveryUs)} → ${durationText(recoveryUs)}`;
  return { score: 0.1, worse: [words] };
}

function percent(rate: number): Sentence {
  return sentence`${Number((rate * 100).toFixed(1))}%`;
}
