import { durationText } from "../../../lib/duration-text.ts";
import { asName, type Checked, counted, joined, own, type Sentence, sentence } from "../../../lib/shown-text.ts";
import { parseIsoUs, type ServerUs } from "../../../lib/time.ts";
import { fullName } from "../../../model/objects/full-name.ts";
import type { Holder, NamedDeployment, NamedRun } from "./types.ts";

/** `3 min ago`, or "never" without a time. */
export function ago(time: string | null | undefined, nowUs: ServerUs): Sentence {
  const us = time ? parseIsoUs(time) : undefined;
  return us === undefined ? own("never") : sentence`${durationText(nowUs - us)} ago`;
}

/** `flow/deployment`, as Prefect's CLI takes it: the names of deployments are unique within their flow only. */
export function deploymentName({ name, flowName }: Pick<NamedDeployment, "name" | "flowName">): string {
  return fullName(flowName, name);
}

/** The same for the deployment of a run; null for a run without one. */
export function deploymentOfRun({ run, flowName, deploymentName: name }: NamedRun): string | null {
  const shown = name ?? run.deployment_id ?? null;
  return shown === null ? null : deploymentName({ name: shown, flowName });
}

/** The name of a run with that of its deployment or flow. */
export function runName(one: NamedRun): Sentence {
  const owner = deploymentOfRun(one) ?? one.flowName;
  return owner === null ? asName(one.run.name) : sentence`${asName(one.run.name)} (${asName(owner)})`;
}

/** "amber-heron, shy-fox and 3 more" */
export function nameList(names: readonly (string | null)[], max = 3): Sentence {
  return enumerated(
    names.map((name) => asName(name ?? "unnamed")),
    max,
  );
}

export function enumerated(texts: readonly Sentence[], max = 3): Sentence {
  const shown = texts.slice(0, max);
  const rest = texts.length - shown.length;
  if (rest > 0) return sentence`${joined(shown, ", ")} and ${rest} more`;
  return shown.length < 2
    ? (shown[0] ?? own("unknown"))
    : sentence`${joined(shown.slice(0, -1), ", ")} and ${shown.at(-1) ?? ""}`;
}

export function holderEvidence(holders: readonly Holder[], max = 5): readonly Holder[] {
  return holders.slice(0, max);
}

/** Waiting runs as evidence: their number, and name, id and time since due of the first. */
export function waitingEvidence(runs: readonly NamedRun[], nowUs: ServerUs, max = 8): object {
  const dueOf = (one: NamedRun) => {
    const us = parseIsoUs(one.run.expected_start_time ?? "");
    return us === undefined ? {} : { due: sentence`${durationText(nowUs - us)} ago` };
  };
  return {
    count: runs.length,
    runs: runs
      .slice(0, max)
      .map((one) => ({ id: one.run.id, name: one.run.name, state: one.run.state_name, ...dueOf(one) })),
  };
}

/** `1 run waits`, `3 runs wait`. */
export function runsWait(count: number): Sentence {
  return sentence`${counted(count, "run")} ${count === 1 ? "waits" : "wait"}`;
}

export function plural<const Noun extends string>(count: number, noun: Noun & Checked<Noun>): Sentence {
  return counted(count, own<Noun>(noun));
}
