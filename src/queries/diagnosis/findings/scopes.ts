/**
 * Where a cause can hold. Each cause states for every kind of subject that it is judged there, or why it cannot hold there: a
 * subject that is left out does not compile, so that a wider question never misses what a narrower one finds.
 */
import { own, type Sentence } from "../../../lib/shown-text.ts";

export const SUBJECT_KINDS = ["flow_run", "deployment", "flow", "work_pool", "automation", "workspace"] as const;
export type SubjectKind = (typeof SUBJECT_KINDS)[number];

/** `true`: it is judged there. A sentence: why it is not. */
export type Scopes = Readonly<Record<SubjectKind, true | Sentence>>;

const NO_RUNS = own("An automation has no runs of its own; the deployment that it starts is a subject of its own.");

/** For causes of runs and of what runs need. */
export const ALL_OF_RUNS: Scopes = {
  flow_run: true,
  deployment: true,
  flow: true,
  work_pool: true,
  workspace: true,
  automation: NO_RUNS,
};

/** For causes that the `failures` of wider questions judge, once for all runs with the same error. */
export const IN_GROUPS: Scopes = {
  ...wider(own("The cause of a group of failures judges its newest run with this cause.")),
  flow_run: true,
  automation: NO_RUNS,
};

/** For causes that say something about several runs. */
export const OF_MANY_RUNS: Scopes = {
  ...ALL_OF_RUNS,
  flow_run: own("It needs several runs; one run is compared with its history."),
};

/** For causes of automations. */
export const OF_AUTOMATIONS: Scopes = {
  automation: true,
  workspace: true,
  deployment: true,
  flow: true,
  work_pool: true,
  flow_run: own("What an automation did to a run is in the run's events."),
};

/** Every kind of subject but single runs and automations, with the same reason. */
export function wider(reason: Sentence): Pick<Scopes, "deployment" | "flow" | "work_pool" | "workspace"> {
  return { deployment: reason, flow: reason, work_pool: reason, workspace: reason };
}
