/** When runs will start, given when they are due, how long they take, and how many slots there are. Pure. */
import type { ServerUs } from "../../lib/time.ts";

/** What a run needs a slot of: a deployment, a work pool, a work queue, a limit that its code takes. */
export interface Resource {
  readonly kind: "deployment" | "work_pool" | "work_queue" | "concurrency_limit";
  readonly name: string;
  /** Null: without a limit. */
  readonly slots: number | null;
  /** Runs that find it full are cancelled instead of waiting. */
  readonly cancelsNew: boolean;
  /** Why no run starts, whatever is free. Null: runs start. */
  readonly blocked: "paused" | "without a worker" | "not served" | null;
}

export interface ExpectedRun<R extends Resource = Resource> {
  readonly expectedUs: ServerUs;
  readonly durationUs: number;
  /** Lower ones start first. */
  readonly priority: number;
  readonly resources: readonly R[];
}

/** A run that holds its slots until `untilUs`; null: it is not known until when. */
export interface RunningRun<R extends Resource = Resource> {
  readonly untilUs: ServerUs | null;
  readonly resources: readonly R[];
}

export interface SimulatedRun<Run> {
  readonly run: Run;
  /** Null: it does not start. */
  readonly startUs: ServerUs | null;
  /** What it waits for first, or what cancels it. */
  readonly waitsFor: Resource | null;
  readonly isCancelled: boolean;
}

/**
 * `runs`: by expected start. A waiting run that finds all its slots free starts before those that are due later, and before those of a
 * higher number of priority. `nowUs`: runs that are overdue wait since then.
 */
export function simulate<Run extends ExpectedRun>(
  runs: readonly Run[],
  running: readonly RunningRun[],
  nowUs: ServerUs,
): SimulatedRun<Run>[] {
  const held = new Map<Resource, number>();
  const ends = new Ends();
  const take = (resources: readonly Resource[], untilUs: ServerUs | null) => {
    for (const one of resources) held.set(one, (held.get(one) ?? 0) + 1);
    if (untilUs !== null) ends.add({ untilUs, resources });
  };
  for (const { resources, untilUs } of running) take(resources, untilUs);
  const outcomes = new Map<Run, SimulatedRun<Run>>();
  const reasons = new Map<Run, Resource>();
  let waiting: Run[] = [];
  const full = ({ resources }: Run) =>
    resources.find((one) => one.blocked !== null || (one.slots !== null && (held.get(one) ?? 0) >= one.slots)) ?? null;
  const startWaiting = (us: ServerUs) => {
    waiting = waiting.filter((run) => {
      const reason = full(run);
      if (reason !== null) {
        if (!reasons.has(run)) reasons.set(run, reason);
        if (reason.cancelsNew && reason.blocked === null)
          outcomes.set(run, { run, startUs: null, waitsFor: reason, isCancelled: true });
        return !outcomes.has(run);
      }
      take(run.resources, (us + run.durationUs) as ServerUs);
      outcomes.set(run, { run, startUs: us, waitsFor: reasons.get(run) ?? null, isCancelled: false });
      return false;
    });
  };
  let next = 0;
  while (next < runs.length || (waiting.length > 0 && ends.size > 0)) {
    const dueUs = next < runs.length ? Math.max(nowUs, runs[next]?.expectedUs ?? nowUs) : Number.POSITIVE_INFINITY;
    const us = Math.min(dueUs, ends.firstUs()) as ServerUs;
    for (const { resources } of ends.takeUntil(us)) {
      for (const one of resources) held.set(one, (held.get(one) ?? 1) - 1);
    }
    for (; next < runs.length && Math.max(nowUs, runs[next]?.expectedUs ?? nowUs) <= us; next += 1) {
      const run = runs[next];
      if (run) insert(waiting, run);
    }
    startWaiting(us);
  }
  return runs.map(
    (run) => outcomes.get(run) ?? { run, startUs: null, waitsFor: reasons.get(run) ?? full(run), isCancelled: false },
  );
}

/** By priority, then in the order of arrival. */
function insert<Run extends ExpectedRun>(waiting: Run[], run: Run): void {
  const at = waiting.findIndex((one) => one.priority > run.priority);
  if (at < 0) waiting.push(run);
  else waiting.splice(at, 0, run);
}

interface Ending {
  readonly untilUs: ServerUs;
  readonly resources: readonly Resource[];
}

/** Runs that hold slots, by the time at which they end: a binary heap. */
class Ends {
  private readonly heap: Ending[] = [];

  get size(): number {
    return this.heap.length;
  }

  firstUs(): number {
    return this.heap[0]?.untilUs ?? Number.POSITIVE_INFINITY;
  }

  add(run: Ending): void {
    const { heap } = this;
    heap.push(run);
    for (let at = heap.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (this.us(parent) <= this.us(at)) break;
      this.swap(at, parent);
      at = parent;
    }
  }

  takeUntil(us: ServerUs): Ending[] {
    const taken: Ending[] = [];
    while (this.firstUs() <= us) {
      const [first] = this.heap;
      if (first) taken.push(first);
      this.swap(0, this.heap.length - 1);
      this.heap.pop();
      this.sink();
    }
    return taken;
  }

  private sink(): void {
    for (let at = 0; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      const least = this.us(right) < this.us(left) ? right : left;
      if (this.us(least) >= this.us(at)) return;
      this.swap(at, least);
      at = least;
    }
  }

  private us(index: number): number {
    return this.heap[index]?.untilUs ?? Number.POSITIVE_INFINITY;
  }

  private swap(a: number, b: number): void {
    const [first, second] = [this.heap[a], this.heap[b]];
    if (first && second) [this.heap[a], this.heap[b]] = [second, first];
  }
}
