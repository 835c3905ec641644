import type { Finding } from "./findings/types.ts";

/**
 * Problems before notes, then the more certain findings, then those that explain more runs, then the order of the list of
 * causes, which goes from what is closest to the run to what is farthest from it.
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

/** Certainties in the same tenth count as equal: they are estimates. */
function certaintyStep(certainty: number): number {
  return Math.floor(certainty * 10);
}
