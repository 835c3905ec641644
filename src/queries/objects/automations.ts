/** Automations with the names of the objects that their actions act on. */

import { uuidsIn } from "../../lib/uuid.ts";
import type { Freshness } from "../../model/freshness.ts";
import type { Automation, SnapshotKind } from "../../model/objects.ts";
import type { FilterSet } from "../../store/filters/bodies.ts";
import type { ObjectSort } from "../../store/filters/sorts.ts";
import { findFullNames } from "../../store/objects/objects.ts";
import { findRecordedNames } from "../names/object-names.ts";
import type { QueryContext } from "../source/context.ts";
import { listObjects } from "./objects.ts";

export interface AutomationsQuestion {
  readonly set: FilterSet;
  readonly sort: ObjectSort;
  readonly limit: number;
  readonly offset: number;
  readonly fresh?: boolean | undefined;
}

export interface AutomationsPage {
  readonly rows: readonly Automation[];
  /** Names by id of the objects that triggers watch and actions act on, as far as they are recorded. */
  readonly names: ReadonlyMap<string, string>;
  readonly hasMore: boolean;
  readonly freshness: Freshness;
}

/** What an action may act on, where it names the object as `<kind>_id`, and what a trigger may watch. */
const TARGETS = [
  "deployment",
  "work_pool",
  "work_queue",
  "automation",
  "flow",
] as const satisfies readonly SnapshotKind[];

export async function listAutomations(ctx: QueryContext, question: AutomationsQuestion): Promise<AutomationsPage> {
  const { rows, hasMore, freshness } = await listObjects(ctx, { kind: "automation", ...question });
  const actions = rows.flatMap(({ actions: always, actions_on_trigger: first = [], actions_on_resolve: last = [] }) => [
    ...always,
    ...first,
    ...last,
  ]);
  const watched = rows.flatMap(({ trigger }) => uuidsIn(JSON.stringify(trigger)).map(({ id }) => id));
  const db = ctx.record();
  const names = new Map<string, string>();
  for (const kind of TARGETS) {
    const targets = actions.map((action) => action[`${kind}_id`]).filter((id) => typeof id === "string");
    for (const [id, name] of findRecordedNames(db, kind, targets)) names.set(id, name);
    const ids = [...targets, ...watched];
    for (const [id, name] of db ? findFullNames(db, kind, ids) : []) names.set(id, name);
  }
  return { rows, names, hasMore, freshness };
}
