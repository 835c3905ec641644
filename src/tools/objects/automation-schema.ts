/**
 * What `prefect automation create --from-json` and `POST /automations/` take, as JSON Schema.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/events/schemas/automations.py and ../actions.py
 */
/** Seconds, or from Prefect 3.9.1 on an ISO 8601 duration. */
const duration = { $ref: "#/$defs/Duration" };
const texts = { type: "array", items: { type: "string" } };
const text = { type: "string" };
const uuid = { type: "string", format: "uuid" };
const source = { enum: ["selected", "inferred"], default: "selected" };
const spec = { $ref: "#/$defs/Spec" };
const triggers = { type: "array", items: { $ref: "#/$defs/Trigger" } };
const actions = { type: "array", items: { $ref: "#/$defs/Action" } };

function action(types: readonly string[], properties: object = {}, required: readonly string[] = []): object {
  const [only] = types;
  const type = types.length === 1 ? { const: only } : { enum: types };
  return { properties: { type, ...properties }, required: ["type", ...required] };
}

export const AUTOMATION_SCHEMA = {
  type: "object",
  required: ["name", "trigger", "actions"],
  properties: {
    name: text,
    description: text,
    enabled: { type: "boolean", default: true },
    tags: texts,
    trigger: { $ref: "#/$defs/Trigger" },
    actions,
    actions_on_trigger: actions,
    actions_on_resolve: actions,
  },
  $defs: {
    Duration: { type: ["number", "string"], description: "seconds; from Prefect 3.9.1 on also as PT5M" },
    Spec: {
      type: "object",
      description: "label → value or list of values; * and ? are wildcards, a leading ! negates",
    },
    Trigger: {
      oneOf: ["EventTrigger", "MetricTrigger", "CompoundTrigger", "SequenceTrigger"].map((name) => ({
        $ref: `#/$defs/${name}`,
      })),
    },
    EventTrigger: {
      required: ["type", "posture"],
      properties: {
        type: { const: "event" },
        posture: { enum: ["Reactive", "Proactive"] },
        match: spec,
        match_related: { anyOf: [spec, { type: "array", items: spec }] },
        after: texts,
        expect: texts,
        for_each: texts,
        threshold: { type: "integer", default: 1 },
        within: duration,
      },
    },
    MetricTrigger: {
      required: ["type", "metric"],
      properties: {
        type: { const: "metric" },
        posture: { const: "Metric" },
        match: spec,
        match_related: spec,
        metric: {
          required: ["name", "threshold", "operator"],
          properties: {
            name: { enum: ["lateness", "duration", "successes"] },
            threshold: { type: "number" },
            operator: { enum: ["<", "<=", ">", ">="] },
            range: { ...duration, default: 300 },
            firing_for: { ...duration, default: 300 },
          },
        },
      },
    },
    CompoundTrigger: {
      required: ["type", "triggers", "require", "within"],
      properties: {
        type: { const: "compound" },
        triggers,
        require: { anyOf: [{ type: "integer" }, { enum: ["any", "all"] }] },
        within: { type: ["number", "string", "null"] },
      },
    },
    SequenceTrigger: {
      required: ["type", "triggers", "within"],
      properties: { type: { const: "sequence" }, triggers, within: { type: ["number", "string", "null"] } },
    },
    Action: {
      anyOf: [
        action([
          "do-nothing",
          "cancel-flow-run",
          "delete-flow-run",
          "resume-flow-run",
          "suspend-flow-run",
          "declare-incident",
        ]),
        action(["run-deployment"], {
          source,
          deployment_id: uuid,
          parameters: { type: "object" },
          job_variables: { type: "object" },
          schedule_after: { type: "number", description: "seconds" },
        }),
        action(["pause-deployment", "resume-deployment"], { source, deployment_id: uuid }),
        action(["pause-work-queue", "resume-work-queue"], { source, work_queue_id: uuid }),
        action(["pause-work-pool", "resume-work-pool"], { source, work_pool_id: uuid }),
        action(["pause-automation", "resume-automation"], { source, automation_id: uuid }),
        action(["change-flow-run-state"], { state: text, name: text, message: text, force: { type: "boolean" } }, [
          "state",
        ]),
        action(["send-notification"], { block_document_id: uuid, subject: text, body: text }, [
          "block_document_id",
          "body",
        ]),
        action(["call-webhook"], { block_document_id: uuid, payload: text }, ["block_document_id"]),
      ],
    },
  },
} as const;

/** Rules that the schema does not state, checked on Prefect 3.8.8. */
export const AUTOMATION_RULES = [
  own('source "selected" needs the id, "inferred" forbids it.'),
  own(
    "Reactive: fires when expect was seen threshold times within seconds. Proactive: fires when, after an event of after, expect was not seen within seconds; within is at least 10.",
  ),
  own(
    "after and expect are event names such as prefect.flow-run.Failed, or end in *. for_each: labels of the resource (prefect.resource.id) or related:<role>:<label>; each value is counted separately.",
  ),
  own(
    "Runs stuck in Pending: posture Proactive, after [prefect.flow-run.Pending], expect [prefect.flow-run.Running, prefect.flow-run.Crashed], for_each [prefect.resource.id], within 300. Do not expect prefect.flow-run.*: it is too broad.",
  ),
  own(
    "Only runs of one deployment: match_related {prefect.resource.role: deployment, prefect.resource.id: prefect.deployment.<id>}.",
  ),
  own("subject, body and payload are Jinja templates with flow, flow_run, deployment, event, automation."),
  own("Metric triggers and declare-incident exist on Prefect Cloud only."),
] as const;

export const AUTOMATION_EXAMPLE = {
  name: "rerun on failure",
  trigger: {
    type: "event",
    posture: "Reactive",
    match: { "prefect.resource.id": "prefect.flow-run.*" },
    expect: ["prefect.flow-run.Failed", "prefect.flow-run.Crashed"],
    for_each: ["prefect.resource.id"],
    threshold: 1,
    within: 0,
  },
  actions: [{ type: "run-deployment", source: "selected", deployment_id: "<deployment id>" }],
} as const;

import { own } from "../../lib/shown-text.ts";
