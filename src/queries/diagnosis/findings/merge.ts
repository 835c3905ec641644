import { smallest } from "../../../lib/lists.ts";
import { own, type Sentence, sentence } from "../../../lib/shown-text.ts";
import type { Facts, Finding, NamedRun, RunFacts } from "./types.ts";
import { enumerated, plural, runName } from "./wording.ts";

const MAX_SHOWN = 5;

/**
 * One finding for several runs with the same cause. `what` follows the number of runs in the summary. What fixes the first of them
 * fixes the others with their own ids.
 */
export function mergeFindings(
  found: readonly { readonly one: NamedRun; readonly finding: Finding }[],
  what: Sentence,
): Finding[] {
  const [first] = found;
  if (!first || found.length === 1) return first ? [first.finding] : [];
  return [
    {
      code: first.finding.code,
      severity: found.some(({ finding }) => finding.severity === "problem") ? "problem" : "note",
      summary: sentence`${plural(found.length, "run")} ${what}: ${enumerated(found.map(({ one }) => runName(one)))}.`,
      evidence: {
        count: found.length,
        runs: found
          .slice(0, MAX_SHOWN)
          .map(({ one, finding }) => ({ id: one.run.id, name: one.run.name, says: finding.summary })),
      },
      fix: sentence`For each of them; for the first: ${first.finding.fix}`,
      next: [{ tool: "diagnose", args: { flow_run: first.one.run.id }, why: own("the first of them") }],
      certainty: smallest(found.map(({ finding }) => finding.certainty)),
      runsExplained: found.length,
      ...(first.finding.leads ? { leads: first.finding.leads } : {}),
    },
  ];
}

/** Judges each run that has not ended, and merges findings with the same code. */
export function judgeExamined(
  facts: Facts,
  judgeRun: (run: RunFacts, facts: Facts) => Finding | null,
  what: Sentence,
): Finding[] {
  const found = facts.examined.flatMap((one) => {
    const finding = judgeRun(one, facts);
    return finding ? [{ one, finding }] : [];
  });
  return [
    ...Map.groupBy(found, ({ finding }) => `${finding.code}|${finding.severity}|${finding.isOfLead ?? false}`).values(),
  ].flatMap((group) =>
    // Which of them have a problem is only known once their leads are followed.
    group[0]?.finding.isOfLead ? group.map(({ finding }) => finding) : mergeFindings(group, what),
  );
}
