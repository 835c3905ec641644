import type { Finding, NamedRun } from "./types.ts";
import { nameList, plural } from "./wording.ts";

const MOST_SHOWN = 5;

/** What one cause found of several runs, told once: `what` follows their number, the evidence holds what each finding says. */
export function mergeFindings(
  found: readonly { readonly one: NamedRun; readonly finding: Finding }[],
  what: string,
  fix: string,
): Finding[] {
  const [first] = found;
  if (!first || found.length === 1) return first ? [first.finding] : [];
  const names = found.map(({ one }) => one.run.name);
  return [
    {
      code: first.finding.code,
      severity: first.finding.severity,
      summary: `${plural(found.length, "run")} ${what}: ${nameList(names)}.`,
      evidence: {
        count: found.length,
        runs: found
          .slice(0, MOST_SHOWN)
          .map(({ one, finding }) => ({ id: one.run.id, name: one.run.name, says: finding.summary })),
      },
      fix,
      next: [{ tool: "diagnose", args: { flow_run: first.one.run.id }, why: "the one that is due longest" }],
      certainty: Math.min(...found.map(({ finding }) => finding.certainty)),
      runsExplained: found.length,
    },
  ];
}
