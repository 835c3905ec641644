import type { Finding } from "./findings/types.ts";

/**
 * The one rule of order: problems before notes; then what is certain before what is inferred; then what explains more runs;
 * then the order of the list of causes, which stands from the nearest to the run to the farthest.
 */
export function rankFindings(findings: readonly Finding[]): Finding[] {
  return findings
    .map((finding, position) => ({ finding, position }))
    .sort(
      (a, b) =>
        weight(a.finding) - weight(b.finding) ||
        certaintyStep(b.finding.certainty) - certaintyStep(a.finding.certainty) ||
        b.finding.runsExplained - a.finding.runsExplained ||
        a.position - b.position,
    )
    .map((one) => one.finding);
}

function weight(finding: Finding): number {
  return finding.severity === "problem" ? 0 : 1;
}

/** Certainties within a tenth are equal: they are judgements, not measurements. */
function certaintyStep(certainty: number): number {
  return Math.floor(certainty * 10);
}
