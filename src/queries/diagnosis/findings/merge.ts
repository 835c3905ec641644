import { own, type Sentence, sentence } from "../../../lib/shown-text.ts";
import type { Finding, NamedRun } from "./types.ts";
import { nameList, plural } from "./wording.ts";

const MAX_SHOWN = 5;

/** One finding for several runs with the same cause. `what` follows the number of runs in the summary. */
export function mergeFindings(
  found: readonly { readonly one: NamedRun; readonly finding: Finding }[],
  what: Sentence,
  fix: Sentence,
): Finding[] {
  const [first] = found;
  if (!first || found.length === 1) return first ? [first.finding] : [];
  const names = found.map(({ one }) => one.run.name);
  return [
    {
      code: first.finding.code,
      severity: first.finding.severity,
      summary: sentence`${plural(found.length, "run")} ${what}: ${nameList(names)}.`,
      evidence: {
        count: found.length,
        runs: found
          .slice(0, MAX_SHOWN)
          .map(({ one, finding }) => ({ id: one.run.id, name: one.run.name, says: finding.summary })),
      },
      fix,
      next: [{ tool: "diagnose", args: { flow_run: first.one.run.id }, why: own("the first of them") }],
      certainty: Math.min(...found.map(({ finding }) => finding.certainty)),
      runsExplained: found.length,
    },
  ];
}
