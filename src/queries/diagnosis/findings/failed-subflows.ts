import { isFailed } from "../../../model/state.ts";
import type { RunFacts } from "./types.ts";

/** Failed and crashed subflow runs at every level, the deepest first: its own code raised the exception. */
export function failedSubflows(run: RunFacts): RunFacts[] {
  return run.children
    .filter((child) => isFailed(child.run.state_type))
    .flatMap((child) => [...failedSubflows(child), child]);
}
