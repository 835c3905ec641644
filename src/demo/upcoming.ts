/** Runs that the scheduler has created before they are due: always as many as were recorded, one period apart. */
import type { FlowRun } from "../model/objects.ts";
import { usOf } from "./family-replay.ts";
import { copiedId, copiedName, rewriteText, wholeSeconds } from "./rewrite.ts";

export class UpcomingRuns {
  private readonly recorded: readonly FlowRun[];
  private readonly names: readonly string[];
  private readonly periodUs: number;
  /** Whole periods between the recording and now. */
  private readonly periods: number;
  private first = 0;

  /** `recorded`: the upcoming runs of one deployment, at least two. Those due before `fromUs` are left out. */
  constructor(recorded: readonly FlowRun[], names: readonly string[], fromUs: number) {
    this.recorded = recorded.toSorted((a, b) => dueUs(a) - dueUs(b));
    this.names = names;
    const [first, second] = this.recorded;
    if (!first || !second) throw new RangeError("a schedule needs at least two upcoming runs");
    this.periodUs = dueUs(second) - dueUs(first);
    this.periods = Math.ceil((fromUs - dueUs(first)) / this.periodUs);
  }

  get rows(): FlowRun[] {
    return this.recorded.map((_, index) => this.at(this.first + index));
  }

  /** Removes and returns the runs that are due within `leadUs`, because workers fetch runs before they are due. */
  takeDue(nowUs: number, leadUs: number): FlowRun[] {
    const due: FlowRun[] = [];
    while (this.dueAt(this.first) - leadUs <= nowUs) {
      due.push(this.at(this.first));
      this.first += 1;
    }
    return due;
  }

  private dueAt(index: number): number {
    return dueUs(this.recorded[0]) + (this.periods + index) * this.periodUs;
  }

  private at(index: number): FlowRun {
    const count = this.recorded.length;
    const row = this.recorded[index % count] as FlowRun;
    const round = Math.floor(index / count);
    const shiftUs = this.dueAt(index) - dueUs(row);
    // Created when its predecessor in the list was due.
    const createdUs = this.dueAt(index - count);
    const createdShiftUs = wholeSeconds(createdUs - usOf(row.created));
    const replaced = new Map<string, string>();
    if (round !== 0) {
      for (const id of [row.id, row.state_id ?? ""]) replaced.set(id, copiedId(id, String(round), createdShiftUs));
      replaced.set(row.name, copiedName(row.name, String(round), this.names));
    }
    const moved: FlowRun = JSON.parse(rewriteText(JSON.stringify(row), createdShiftUs, replaced, [row.name]));
    const due = rewriteText(row.expected_start_time ?? "", shiftUs);
    const { state } = moved;
    return {
      ...moved,
      expected_start_time: due,
      next_scheduled_start_time: due,
      idempotency_key: rewriteText(row.idempotency_key ?? "", shiftUs),
      state: state ? { ...state, state_details: { ...state.state_details, scheduled_time: due } } : null,
    };
  }
}

function dueUs(run: FlowRun | undefined): number {
  return usOf(run?.expected_start_time);
}
