/** Workspaces as callers name them. */
import type { Sentence } from "../lib/shown-text.ts";

/** How far the record of a workspace reaches. */
export interface RecordedRange {
  readonly events: number;
  /** The covered range of events, ISO 8601; null while nothing is covered. */
  readonly from: string | null;
  readonly to: string | null;
  /** Gaps in that range. */
  readonly gaps: number;
}

export interface ListedWorkspace {
  readonly name: string;
  /** Where it is named: in the profiles file, on Prefect Cloud by a key, in the other settings, or in a caller's headers. */
  readonly kind: "profile" | "cloud" | "settings" | "headers";
  readonly api_url: string;
  /** `account/workspace`, where Prefect Cloud has said it. */
  readonly handle?: string;
  readonly is_active: boolean;
  /** Null: nothing is recorded. */
  readonly recorded: RecordedRange | null;
  /** The process that follows it: this one, another one or none. */
  readonly following: "self" | "other" | "none";
}

export interface WorkspaceListing {
  readonly workspaces: readonly ListedWorkspace[];
  /** What the list may lack, for instance because Prefect Cloud did not answer. */
  readonly notes: readonly Sentence[];
}
