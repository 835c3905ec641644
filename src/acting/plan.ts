/** What a change would do: made by reading Prefect, shown before anything is sent, and sent exactly so. */
import type { Sentence } from "../lib/shown-text.ts";
import type { ServerUs } from "../lib/time.ts";
import type { NamedKind } from "../model/kinds.ts";
import type { Json } from "../model/objects.ts";
import type { WriteRequest } from "../prefect/write-api.ts";
import type { QueryContext } from "../queries/source/context.ts";
import type { LiveReader } from "../queries/source/live.ts";

/** An object that is changed, or from which a run is made. */
export interface Target {
  readonly kind: NamedKind | "schedule" | "concurrency_limit";
  readonly id: string;
  readonly name: string;
  /** What it is now, in words of Prefect. */
  readonly state: string;
  readonly [detail: string]: Json;
}

/** Whether Prefect did what was asked, by its answer. */
export interface Judgement {
  readonly isAccepted: boolean;
  /** Prefect's reason; null without one. */
  readonly reason: string | null;
}

/** Objects that are changed and that the record reads as lists. */
export type ChangeableKind = "deployment" | "work_pool" | "work_queue" | "automation" | "concurrency_limit";

/** How the record shows a change: by the event of a state, or by a reading of the object that has it. Null: it cannot. */
export type RecordedAs =
  | { readonly eventId: string }
  | {
      readonly kind: ChangeableKind;
      readonly id: string;
      /** Whether this reading has the change. */
      isShown(doc: object): boolean;
    }
  | null;

/** The object that is changed, as Prefect has it at one moment. */
export interface Observation {
  /** The change is in force. */
  readonly isReached: boolean;
  /** Nothing further will happen: waiting is of no use. */
  readonly isFinal: boolean;
  readonly state: string;
  /** Since when, ISO 8601; null where Prefect has no time of it. */
  readonly since: string | null;
  /** What the record holds once it has seen the change. */
  readonly recorded: RecordedAs;
  /** What the change created. */
  readonly created?: { readonly kind: NamedKind; readonly id: string; readonly name: string };
}

export interface Step {
  readonly request: WriteRequest;
  /** Index in `targets`. */
  readonly target: number;
  /** Absent: an answer without an error means that it was done. */
  judge?(answer: unknown): Judgement;
  /** Reads the object from Prefect. `answer`: Prefect's answer to the request; undefined while it is unknown what became of it. */
  observe(live: LiveReader, answer: unknown): Promise<Observation>;
}

export interface ChangePlan {
  /** `Cancel 2 flow runs.` */
  readonly summary: Sentence;
  readonly targets: readonly Target[];
  readonly steps: readonly Step[];
  /** What a person should know before confirming. */
  readonly notes: readonly Sentence[];
  /**
   * What decides whether the change is still the one that was shown, such as the state of a run. A confirmation counts only while it is
   * the same. States that change by themselves and do not matter for the change are not in it.
   */
  readonly seen: unknown;
}

/** The same for preview and confirmation, so that the same plan has the same requests. */
export interface Seed {
  /** Names the change: in idempotency keys and in the audit log. */
  readonly id: string;
  /** When it was previewed: times are relative to it. */
  readonly nowUs: ServerUs;
}

/** What a plan is made with. It reads from Prefect and sends no change. */
export interface PlanContext {
  readonly query: QueryContext;
  readonly live: LiveReader;
  readonly seed: Seed;
}

export type PlanMaker = (ctx: PlanContext) => Promise<ChangePlan>;
