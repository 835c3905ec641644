/** An event in a few members: what happened to which resource, and in which run. */

import { truncateWithLength } from "../../lib/truncate.ts";
import { isUuid } from "../../lib/uuid.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import { RESOURCE_ID, RESOURCE_NAME, RESOURCE_ROLE, splitResourceId } from "../../model/events/event.ts";
import { KINDS, kindOfResource } from "../../model/kinds.ts";
import { fullName } from "../../model/objects/full-name.ts";

/** Members that are null or empty are absent. */
export interface BriefEvent {
  readonly id: string;
  readonly occurred: string;
  readonly event: string;
  readonly resource_id: string;
  readonly resource_name?: string;
  /** The run in which it happened, unless that is the resource itself. */
  readonly flow_run_id?: string;
  readonly flow_run_name?: string;
  readonly flow?: string;
  /** `flow/deployment`. */
  readonly deployment?: string;
  readonly work_pool?: string;
  readonly tags?: readonly string[];
  /** State message, or the reason why an action of an automation failed. */
  readonly message?: string;
}

/** Longer messages are cut. `detail: "full"` shows them whole. */
export const BRIEF_MESSAGE_CHARS = 300;

export function briefEvent(event: PrefectEvent): BriefEvent {
  const run = relatedIn(event, "flow-run");
  const runId = run ? lastPart(run[RESOURCE_ID]) : "";
  const deployment = nameIn(event, "deployment");
  const pool = deployment ? undefined : nameIn(event, "work-pool");
  const flow = nameIn(event, "flow");
  const tags = event.related.filter((one) => one[RESOURCE_ROLE] === "tag").map((one) => tagOf(one[RESOURCE_ID]));
  const message = messageOf(event);
  const name = nameOfResource(event);
  return {
    id: event.id,
    occurred: event.occurred,
    event: event.event,
    resource_id: event.resource[RESOURCE_ID] ?? "",
    ...(name ? { resource_name: name } : {}),
    ...(isUuid(runId) ? { flow_run_id: runId } : {}),
    ...(run?.[RESOURCE_NAME] ? { flow_run_name: run[RESOURCE_NAME] } : {}),
    ...(flow ? { flow } : {}),
    ...(deployment ? { deployment: fullName(flow, deployment) } : {}),
    ...(pool ? { work_pool: pool } : {}),
    ...(tags.length > 0 ? { tags } : {}),
    ...(message ? { message: truncateWithLength(message, BRIEF_MESSAGE_CHARS) } : {}),
  };
}

/** Of a deployment or queue with the name of its flow or pool, where the event states it. */
function nameOfResource({ resource, related }: PrefectEvent): string | undefined {
  const name = resource[RESOURCE_NAME];
  const kind = kindOfResource(splitResourceId(resource[RESOURCE_ID] ?? "").kind);
  const parent = kind === undefined ? null : KINDS[kind].parent;
  if (!name || parent === null) return name;
  const { resource: parentResource } = KINDS[parent.kind];
  const found = related.find((one) => one[RESOURCE_ID]?.startsWith(`${parentResource}.`));
  return fullName(found?.[RESOURCE_NAME], name);
}

function relatedIn(event: PrefectEvent, role: string): Readonly<Record<string, string>> | undefined {
  return event.related.find((one) => one[RESOURCE_ROLE] === role);
}

function nameIn(event: PrefectEvent, role: string): string | undefined {
  const one = relatedIn(event, role);
  return one && (one[RESOURCE_NAME] ?? lastPart(one[RESOURCE_ID]));
}

function lastPart(id: string | undefined): string {
  return id?.slice(id.lastIndexOf(".") + 1) ?? "";
}

function tagOf(id: string | undefined): string {
  return id?.replace(/^prefect\.tag\./, "") ?? "";
}

function messageOf(event: PrefectEvent): string | undefined {
  const state = event.resource["prefect.state-message"];
  if (state) return state;
  const reason = event.payload.reason;
  return typeof reason === "string" ? reason : undefined;
}
