/** JSON Schemas of what the `prefect` CLI and the filters of these tools take. */

import { z } from "zod";
import { own, type Sentence } from "../../lib/shown-text.ts";
import { eventFilterSchema } from "../../queries/events/event-filter.ts";
import { BODY_FILTERS } from "../../store/filters/bodies.ts";
import { AUTOMATION_EXAMPLE, AUTOMATION_RULES, AUTOMATION_SCHEMA } from "./automation-schema.ts";

export interface ObjectSchema {
  readonly schema: object;
  /** How to create the object, and rules that the schema does not state. */
  readonly rules: readonly Sentence[];
  readonly example?: object;
}

const text = { type: "string" };
const texts = { type: "array", items: text };
const integer = { type: "integer" };
const flag = { type: "boolean" };

const SCHEDULE: ObjectSchema = {
  schema: {
    type: "object",
    required: ["schedule"],
    properties: {
      schedule: {
        oneOf: [
          {
            required: ["interval"],
            properties: { interval: { type: "number", description: "seconds" }, anchor_date: text, timezone: text },
          },
          {
            required: ["cron"],
            properties: { cron: text, timezone: text, day_or: { type: "boolean", default: true } },
          },
          { required: ["rrule"], properties: { rrule: text, timezone: text } },
        ],
      },
      active: { type: "boolean", default: true },
      slug: text,
      parameters: { type: "object" },
      max_scheduled_runs: integer,
    },
  },
  rules: [
    own(
      '`prefect deployment schedule create FLOW/DEPLOYMENT --cron "0 9 * * *" --timezone Europe/Berlin` (or --interval SECONDS, --rrule RULE).',
    ),
  ],
  example: { schedule: { cron: "0 9 * * 1-5", timezone: "Europe/Berlin" }, active: true },
};

const WORK_POOL: ObjectSchema = {
  schema: {
    type: "object",
    required: ["name", "type"],
    properties: {
      name: text,
      type: { type: "string", description: "process, docker, kubernetes, … (`prefect work-pool create --help`)" },
      description: text,
      is_paused: flag,
      concurrency_limit: integer,
      base_job_template: {
        type: "object",
        properties: {
          job_configuration: { type: "object", description: "values may contain {{ variable }}" },
          variables: { type: "object", description: "JSON Schema of the variables" },
        },
      },
    },
  },
  rules: [
    own(
      "`prefect work-pool create NAME --type TYPE --base-job-template FILE.json`: the file contains only base_job_template.",
    ),
    own("`prefect work-pool get-default-base-job-template --type TYPE` prints a template to start from."),
    own("Names that begin with prefect are reserved."),
  ],
};

const VARIABLE: ObjectSchema = {
  schema: {
    type: "object",
    required: ["name", "value"],
    properties: { name: { type: "string", pattern: "^[a-z0-9_-]{1,255}$" }, value: {}, tags: texts },
  },
  rules: [own("`prefect variable set NAME VALUE --tag TAG`; VALUE may be JSON, at most 5,000 characters.")],
};

const CONCURRENCY_LIMIT: ObjectSchema = {
  schema: {
    type: "object",
    required: ["name", "limit"],
    properties: {
      name: text,
      limit: integer,
      active: { type: "boolean", default: true },
      slot_decay_per_second: { type: "number", default: 0 },
    },
  },
  rules: [own("`prefect gcl create NAME --limit N`. For a tag: `prefect concurrency-limit create TAG N`.")],
};

const BLOCK_DOCUMENT: ObjectSchema = {
  schema: {
    type: "object",
    required: ["name", "data"],
    properties: {
      name: text,
      data: { type: "object", description: "fields of the block type's schema" },
      block_type_id: text,
      block_schema_id: text,
      is_anonymous: flag,
    },
  },
  rules: [own("`prefect block type inspect SLUG` shows the fields of a type. Secret fields cannot be read back.")],
};

const EVENT: ObjectSchema = {
  schema: {
    type: "object",
    required: ["event", "resource"],
    properties: {
      event: text,
      resource: { type: "object", required: ["prefect.resource.id"], additionalProperties: text },
      related: {
        type: "array",
        items: {
          type: "object",
          required: ["prefect.resource.id", "prefect.resource.role"],
          additionalProperties: text,
        },
      },
      payload: { type: "object" },
    },
  },
  rules: [own("`prefect event emit NAME --resource-id ID --related '[…]' --payload '{…}'`.")],
};

/** By the name that `object_type` takes. */
export const OBJECT_SCHEMAS: Readonly<Record<string, () => ObjectSchema>> = {
  automation: () => ({ schema: AUTOMATION_SCHEMA, rules: AUTOMATION_RULES, example: AUTOMATION_EXAMPLE }),
  deployment_schedule: () => SCHEDULE,
  work_pool: () => WORK_POOL,
  variable: () => VARIABLE,
  concurrency_limit: () => CONCURRENCY_LIMIT,
  block_document: () => BLOCK_DOCUMENT,
  event: () => EVENT,
  event_filter: () => filterSchema(eventFilterSchema, EVENT_FILTER_RULES),
  flow_run_filter: () => filterSchema(BODY_FILTERS.flow_runs.schema, FILTER_RULES),
  task_run_filter: () => filterSchema(BODY_FILTERS.task_runs.schema, FILTER_RULES),
  deployment_filter: () => filterSchema(BODY_FILTERS.deployments.schema, FILTER_RULES),
  flow_filter: () => filterSchema(BODY_FILTERS.flows.schema, FILTER_RULES),
  work_pool_filter: () => filterSchema(BODY_FILTERS.work_pools.schema, FILTER_RULES),
  artifact_filter: () => filterSchema(BODY_FILTERS.artifacts.schema, FILTER_RULES),
  automation_filter: () => filterSchema(BODY_FILTERS.automations.schema, FILTER_RULES),
};

const EVENT_FILTER_RULES = [
  own(
    "All fields must match; of a list of values, one. related and any_resource as lists: each entry must match some resource.",
  ),
  own(
    "labels: label → value or values; * and ? are wildcards, a leading ! negates. any_resource searches primary and related resources.",
  ),
  own('text.query: words, of which one must occur; "phrase", -excluded, +required.'),
  own("resource.distinct: one event per resource."),
];

const FILTER_RULES = [
  own("All fields must match unless operator is or_. any_: [] matches nothing."),
  own("like_ is a substring in any case; before_ and after_ include the given time; all_ requires every tag."),
];

function filterSchema(schema: z.ZodType, rules: readonly Sentence[]): ObjectSchema {
  return { schema: plain(z.toJSONSchema(schema, { unrepresentable: "any" })) as object, rules };
}

const SKIPPED: ReadonlySet<string> = new Set(["$schema", "pattern", "additionalProperties", "propertyNames"]);

/** Without null alternatives, patterns and other parts that do not help to write the object. */
function plain(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(plain);
  if (typeof schema !== "object" || schema === null) return schema;
  const { anyOf, type, ...rest } = schema as { anyOf?: readonly { type?: unknown }[]; type?: unknown };
  const option = anyOf?.find((one) => one.type !== "null");
  if (option) return { ...(plain(option) as object), ...(plain(rest) as object) };
  const members = Object.entries(rest).filter(([key]) => !SKIPPED.has(key));
  const one = Array.isArray(type) ? type.find((name) => name !== "null") : type;
  return {
    ...(one === undefined ? {} : { type: one }),
    ...Object.fromEntries(
      members.map(([key, value]) => [key, key === "properties" ? plainMembers(value) : plain(value)]),
    ),
  };
}

function plainMembers(properties: unknown): object {
  return Object.fromEntries(Object.entries(properties as object).map(([name, member]) => [name, plain(member)]));
}
