/**
 * Describes triggers and actions of automations.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/events/schemas/automations.py
 */
import { isJsonNumber, isJsonObject } from "../../lib/exact-json.ts";
import type { Json, JsonObject } from "../objects.ts";
import { durationSeconds } from "./duration-seconds.ts";
import { compactDuration } from "./schedule.ts";

type NameOf = (id: string) => string | null;

/** What must happen, how often, and for which resources. `nameOf` gives the names of ids, as far as known. */
export function describeTrigger(trigger: JsonObject, nameOf: NameOf = () => null): string {
  const { type, within } = trigger;
  const seconds = durationSeconds(within);
  const inTime = seconds !== null && seconds > 0 ? ` within ${compactDuration(seconds)}` : "";
  if (type === "compound" || type === "sequence") {
    const parts = (Array.isArray(trigger.triggers) ? trigger.triggers : []).map(
      (part) => `(${describeTrigger(asObject(part), nameOf)})`,
    );
    if (type === "sequence") return `in this order${inTime}: ${parts.join(", ")}`;
    const wanted = isJsonNumber(trigger.require) ? `${trigger.require} of` : (textOf(trigger.require) ?? "all");
    return `${wanted}${inTime}: ${parts.join(", ")}`;
  }
  if (type === "metric") return describeMetric(trigger, nameOf);
  return describeEvent(trigger, inTime, nameOf);
}

function describeEvent(trigger: JsonObject, inTime: string, nameOf: NameOf): string {
  const events = textsOf(trigger.expect).join(" or ") || "any event";
  const count = isJsonNumber(trigger.threshold) ? trigger.threshold : 1;
  const after = textsOf(trigger.after);
  const since = after.length > 0 ? ` after ${after.join(" or ")}` : "";
  const isOnce = Number(count) === 1;
  const times = isOnce ? "" : ` ${count} times`;
  const what =
    trigger.posture === "Proactive"
      ? `${isOnce ? "no " : `fewer than ${count} `}${events}${inTime}${since}`
      : `${events}${times}${inTime}${since}`;
  const each = textsOf(trigger.for_each);
  const where = [labels("on", trigger.match, nameOf), labels("related to", trigger.match_related, nameOf)];
  return [what, ...where, each.length > 0 ? `counted per ${each.join(", ")}` : ""].filter(Boolean).join("; ");
}

function describeMetric(trigger: JsonObject, nameOf: NameOf): string {
  const query = asObject(trigger.metric ?? {});
  const range = inSeconds(" over ", query.range);
  const firing = inSeconds(" for ", query.firing_for);
  const threshold = isJsonNumber(query.threshold) ? query.threshold : "?";
  return [
    `metric ${textOf(query.name) ?? "?"} ${textOf(query.operator) ?? ""} ${threshold}${range}${firing}`,
    labels("on", trigger.match, nameOf),
    labels("related to", trigger.match_related, nameOf),
  ]
    .filter(Boolean)
    .join("; ");
}

/** `on id=prefect.flow-run.*`; "" without restriction. */
function labels(word: string, match: Json | undefined, nameOf: NameOf): string {
  const specs = (Array.isArray(match) ? match : [match]).map((spec) => asObject(spec ?? {}));
  const said = specs
    .map((spec) =>
      Object.entries(spec).map(
        ([label, values]) =>
          `${label.replace("prefect.resource.", "")}=${textsOf(values)
            .map((value) => withName(value, nameOf))
            .join("|")}`,
      ),
    )
    .filter((parts) => parts.length > 0)
    .map((parts) => parts.join(" "));
  return said.length === 0 ? "" : `${word} ${said.join(", ")}`;
}

/** `prefect.deployment.<id> (etl/nightly)` */
function withName(value: string, nameOf: NameOf): string {
  const name = nameOf(value.slice(value.lastIndexOf(".") + 1));
  return name === null ? value : `${value} (${name})`;
}

/** `run-deployment nightly (<id>)`; `nameOf` gives the names of ids, as far as known. */
export function describeAction(action: JsonObject, nameOf: NameOf = () => null): string {
  const target = ["deployment_id", "work_pool_id", "work_queue_id", "automation_id", "block_document_id"].flatMap(
    (field) => {
      const id = textOf(action[field]);
      if (id === null) return [];
      const name = nameOf(id);
      return [name === null ? id : `${name} (${id})`];
    },
  );
  const inferred = action.source === "inferred" ? ["(of the event)"] : [];
  const state = textOf(action.state);
  return [textOf(action.type) ?? "?", ...target, ...inferred, ...(state === null ? [] : [`to ${state}`])].join(" ");
}

function asObject(value: Json): JsonObject {
  return isJsonObject(value) ? (value as JsonObject) : {};
}

function textOf(value: Json | undefined): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function textsOf(value: Json | undefined): string[] {
  if (typeof value === "string") return [value];
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

function inSeconds(before: string, value: unknown): string {
  const seconds = durationSeconds(value);
  return seconds === null ? "" : `${before}${compactDuration(seconds)}`;
}
