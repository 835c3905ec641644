/** Automations. https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/api/automations.py */
import { AppError } from "../../errors.ts";
import { asName, own, sentence } from "../../lib/shown-text.ts";
import type { Automation, JsonObject } from "../../model/objects.ts";
import { resolveName } from "../../queries/names/names.ts";
import type { LiveReader } from "../../queries/source/live.ts";
import type { ChangePlan, PlanContext } from "../plan.ts";
import { seenAs } from "./schedules.ts";

export interface AutomationChange {
  readonly action: "enable" | "disable" | "create";
  readonly automation?: string | undefined;
  /** Checked against the schema of `get_object_schema`. */
  readonly definition?: JsonObject | undefined;
}

export function planAutomations(ctx: PlanContext, change: AutomationChange): Promise<ChangePlan> {
  return change.action === "create" ? planNew(ctx, change.definition) : planSwitch(ctx, change);
}

async function planSwitch({ query, live }: PlanContext, { action, automation }: AutomationChange): Promise<ChangePlan> {
  if (automation === undefined)
    throw new AppError("invalid_input", sentence`action ${asName(action)} needs automation.`, {
      hint: "Its name or id; get_automations lists them.",
    });
  const { id } = await resolveName(query, "automation", automation);
  const before = await readAutomation(live, id);
  const enabled = action === "enable";
  if (before.enabled === enabled) {
    throw new AppError(
      "invalid_input",
      sentence`${asName(before.name)} is ${enabled ? "enabled" : "disabled"} already.`,
      {
        hint: "Nothing was sent.",
      },
    );
  }
  return {
    summary: sentence`${enabled ? "Enable" : "Disable"} automation ${asName(before.name)}.`,
    targets: [{ kind: "automation", id, name: before.name, state: before.enabled === false ? "disabled" : "enabled" }],
    steps: [
      {
        request: { method: "PATCH", path: `/automations/${id}`, body: { enabled } },
        target: 0,
        observe: async (reader) => {
          const now = await readAutomation(reader, id);
          return seenAs(now.enabled === enabled, now.enabled === false ? "disabled" : "enabled", {
            kind: "automation",
            id,
            isShown: (doc: Partial<Automation>) => doc.enabled === enabled,
          });
        },
      },
    ],
    notes: [],
    seen: [before.enabled ?? null, before.updated ?? null],
  };
}

async function planNew({ live }: PlanContext, definition: JsonObject | undefined): Promise<ChangePlan> {
  const name = definition?.name;
  if (definition === undefined || typeof name !== "string" || name === "") {
    throw new AppError("invalid_input", "action create needs definition, an automation as JSON with a name.", {
      hint: 'get_object_schema {"object_type": "automation"} shows its schema with an example.',
    });
  }
  const before = await readNamed(live, name);
  const known = new Set(before.map(({ id }) => id));
  return {
    summary: sentence`Create automation ${asName(name)}.`,
    targets: [{ kind: "automation", id: "", name, state: "to be created" }],
    steps: [
      {
        request: { method: "POST", path: "/automations/", body: definition },
        target: 0,
        // Prefect has no idempotency key for it: what was made is the one of this name that was not there before.
        observe: async (reader) => {
          const made = (await readNamed(reader, name)).find(({ id }) => !known.has(id));
          if (made === undefined) throw new AppError("not_found", "not created yet");
          const state = made.enabled === false ? "disabled" : "enabled";
          const { id } = made;
          const seen = seenAs(true, state, { kind: "automation", id, isShown: () => true });
          return { ...seen, created: { kind: "automation", id, name: made.name } };
        },
      },
    ],
    notes: before.length > 0 ? [own("An automation of this name exists; a second one is made.")] : [],
    seen: [...known],
  };
}

async function readAutomation(live: LiveReader, id: string): Promise<Automation> {
  return (await live.api.get(`/automations/${id}`, live.options())) as Automation;
}

async function readNamed(live: LiveReader, name: string): Promise<readonly Automation[]> {
  return live.api.filterObjects("automation", { automations: { name: { any_: [name] } } }, live.options());
}
