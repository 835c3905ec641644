/** Which global and tag limits the runs of a flow take: their code decides it, so only what earlier runs took is known. */
import { addUs, DAY_US, type ServerUs } from "../../lib/time.ts";
import { RESOURCE_ID, RESOURCE_ROLE, splitResourceId } from "../../model/events/event.ts";
import type { RecordDb } from "../../store/database.ts";
import { findEvents } from "../../store/events/events.ts";
import { findObjects } from "../../store/objects/objects.ts";
import type { Resource } from "./simulate.ts";

const LOOK_BACK_US = 7 * DAY_US;
const MAX_EVENTS = 2_000;
/** The limit of a deployment. Prefect names it by the id, and every run of the deployment takes it. */
const OF_DEPLOYMENT = "deployment:";

/** By id of the flow. A rate limit refills by itself, so nothing waits long for it: it is left out. */
export function findTakenLimits(db: RecordDb, nowUs: ServerUs): ReadonlyMap<string, readonly Resource[]> {
  const limits = new Map<string, Resource>();
  for (const { id, doc } of findObjects(db, "concurrency_limit")) {
    const { name, limit, active, slot_decay_per_second } = doc;
    if (active === false || Number(slot_decay_per_second ?? 0) > 0 || name.startsWith(OF_DEPLOYMENT)) continue;
    limits.set(id, { kind: "concurrency_limit", name, slots: Number(limit), cancelsNew: false, blocked: null });
  }
  const taken = new Map<string, Set<Resource>>();
  if (limits.size === 0) return new Map();
  const filter = { event: { name: ["prefect.concurrency-limit.acquired"] } };
  const range = { fromUs: addUs(nowUs, -LOOK_BACK_US), toUs: nowUs };
  const { events } = findEvents(db, { ...range, order: "desc", limit: MAX_EVENTS, filter });
  for (const { resource, related } of events) {
    const limit = limits.get(splitResourceId(resource[RESOURCE_ID] ?? "").key);
    const flow = related.find((one) => one[RESOURCE_ROLE] === "flow")?.[RESOURCE_ID];
    if (!limit || !flow) continue;
    const { key } = splitResourceId(flow);
    taken.set(key, (taken.get(key) ?? new Set()).add(limit));
  }
  return new Map([...taken].map(([flow, found]) => [flow, [...found]]));
}
