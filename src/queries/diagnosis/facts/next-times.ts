/** When schedules make their next run. Only of deployments without a run to come: of the others Prefect says it. */
import { addUs, DAY_US, earliestOf, type ServerUs } from "../../../lib/time.ts";
import type { Deployment } from "../../../model/objects.ts";

/** Computing a date of a rare schedule takes a moment. */
const MAX_DEPLOYMENTS = 50;
/** A schedule without a date for so long has none. 29 February returns within 8 years. */
const NEVER_US = 9 * 365 * DAY_US;

/** Null: no active schedule of it has a further time. Deployments with a schedule that is not understood are left out. */
export async function readNextTimes(
  deployments: readonly Deployment[],
  ids: ReadonlySet<string> | null,
  nowUs: ServerUs,
): Promise<ReadonlyMap<string, ServerUs | null>> {
  const asked = deployments.filter(({ id }) => ids?.has(id) === true).slice(0, MAX_DEPLOYMENTS);
  const found = new Map<string, ServerUs | null>();
  if (asked.length === 0) return found;
  const { scheduleTimes } = await import("../../../model/schedules/schedule-times.ts");
  const range = { fromUs: nowUs, toUs: addUs(nowUs, NEVER_US) };
  for (const { id, schedules = [] } of asked) {
    const times = (schedules ?? []).filter((one) => one.active).map((one) => scheduleTimes(one.schedule, range, 1));
    if (times.some((one) => one === null)) continue;
    const next = times.flatMap((one) => one ?? []);
    found.set(id, next.length === 0 ? null : earliestOf(next));
  }
  return found;
}
