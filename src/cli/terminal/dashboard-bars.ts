import { largest } from "../../lib/lists.ts";
import type { Line } from "../../lib/shown-text.ts";
import { STATE_ORDER } from "../../views/state-order.ts";
import { table } from "./table.ts";

const LONGEST_BAR = 50;
/** Of a name, a count and the spaces between. */
const BESIDE_BAR = 24;

/** The dashboard's counts of runs by state as bars for a terminal of that width: `failed  ████ 14`. A count above zero has a bar. Pure. */
export function dashboardBars(structured: Readonly<Record<string, unknown>>, columns: number): Line[] {
  const counts: Readonly<Record<string, unknown>> = Object(structured.flow_runs);
  const rows = STATE_ORDER.map((state) => [state, Number(counts[state] ?? 0)] as const).filter(
    ([, count]) => count > 0,
  );
  const longest = Math.max(1, Math.min(LONGEST_BAR, columns - BESIDE_BAR));
  const highest = largest([1, ...rows.map(([, count]) => count)]);
  return table(
    rows.map(([state, count]) => [
      state,
      `${"█".repeat(Math.max(1, Math.round((count / highest) * longest)))} ${count}`,
    ]),
  );
}
