/** Commands of Prefect's CLI that a fix names. Without placeholders: each can be run as it is. */
import { asShellWord, type Sentence, sentence } from "../../../lib/shown-text.ts";

/** No command sets a state: the API does, which Prefect's CLI can call. */
export function setState(runId: string, type: "CRASHED" | "CANCELLED" | "SCHEDULED"): Sentence {
  const body = JSON.stringify({ state: { type }, force: true });
  return sentence`prefect api POST /flow_runs/${asShellWord(runId)}/set_state --data ${asShellWord(body)}`;
}

export function resumeRun(runId: string): Sentence {
  return sentence`prefect api POST /flow_runs/${asShellWord(runId)}/resume`;
}

export function retryRun(runId: string): Sentence {
  return sentence`prefect flow-run retry ${asShellWord(runId)}`;
}

/** A new run with the parameters that the deployment has now; a retry keeps those of the run. */
export function runDeployment(deploymentId: string): Sentence {
  return sentence`prefect deployment run --id ${asShellWord(deploymentId)}`;
}
