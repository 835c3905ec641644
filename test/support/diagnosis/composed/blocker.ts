/** A situation that is put into a world, with an oracle that knows the leaf. */
import type { FlowRun } from "../../../../src/model/objects.ts";
import type { Place, World } from "./world.ts";

export const SCOPES = ["flow_run", "deployment", "flow", "work_pool", "automation", "workspace"] as const;
export type Scope = (typeof SCOPES)[number];

/** What the answer must contain: the cause, and the leaf that a person can act on. */
export interface Oracle {
  /** Parts of the cause as JSON, evidence and chain included. */
  readonly names: readonly (string | RegExp)[];
  /** Parts of its first sentence. */
  readonly leaf: readonly (string | RegExp)[];
  readonly fix?: string | RegExp;
}

export interface Composed {
  readonly place: Place;
  /** The run that a question about one run is about; null: the cause needs several. */
  readonly run: FlowRun | null;
  readonly automation?: string;
  /** Beside another trouble, which may come first for the workspace. */
  readonly isBeside?: boolean;
  /** Scopes in which it can be seen, or not; absent: all. */
  readonly onlyIn?: readonly Scope[];
  readonly notIn?: readonly Scope[];
  readonly oracle: Oracle;
}

export type Blocker = (world: World) => Composed;
