/** Checks parameters against the schema of a deployment, as Prefect does when it creates the run. */
import { AppError } from "../../errors.ts";
import { isJsonObject } from "../../lib/exact-json.ts";
import { asName, asNames, asReason, sentence } from "../../lib/shown-text.ts";
import { closest } from "../../lib/similar.ts";
import type { JsonObject } from "../../model/objects.ts";
import { asPrefectReads } from "../deployment-schema.ts";
import { schemaProblem } from "../json-schema.ts";

/** A value that Prefect replaces before it validates, or that has such a part: a variable, a template. */
function isTemplate(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isTemplate);
  return isJsonObject(value) && ("__prefect_kind" in value || Object.values(value).some(isTemplate));
}

/**
 * Throws AppError `invalid_input` for parameters that Prefect would refuse. `defaults`: the deployment's own.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/utilities/schema_tools/validation.py
 */
export async function checkParameters(
  deployment: JsonObject,
  defaults: JsonObject,
  parameters: JsonObject,
): Promise<void> {
  const schema = deployment.parameter_openapi_schema;
  if (deployment.enforce_parameter_schema === false || !isJsonObject(schema)) return;
  const properties = isJsonObject(schema.properties) ? schema.properties : {};
  const names = Object.keys(properties);
  const unknown = Object.keys(parameters).find((name) => !names.includes(name));
  const { additionalProperties: more, patternProperties } = schema;
  const allowsOthers = more === true || isJsonObject(more) || isJsonObject(patternProperties);
  if (unknown !== undefined && !allowsOthers && names.length > 0) {
    const near = closest(unknown, names, 1)[0];
    throw new AppError(
      "invalid_input",
      sentence`the deployment takes no parameter ${asName(unknown)}${near ? sentence`; did you mean ${asName(near)}?` : ""}`,
      { hint: sentence`Its parameters: ${asNames(names)}. Nothing was sent.` },
    );
  }
  const required = Array.isArray(schema.required) ? schema.required : [];
  const all = Object.entries({ ...defaults, ...parameters });
  const templates = all.filter(([, value]) => isTemplate(value)).map(([name]) => name);
  const checked = Object.fromEntries(all.filter(([, value]) => !isTemplate(value)));
  const plain = { ...schema, required: required.filter((name) => !templates.includes(String(name))) };
  const problem = await problemOf(asPrefectReads(plain, checked) as JsonObject, checked);
  if (problem === null) return;
  throw new AppError(
    "invalid_input",
    sentence`the parameters do not fit the deployment's schema: ${asReason(problem)}`,
    {
      hint: sentence`Its parameters: ${asNames(names)}. get_deployments with detail "full" shows the schema. Nothing was sent.`,
    },
  );
}

async function problemOf(schema: JsonObject, values: JsonObject): Promise<string | null> {
  try {
    return await schemaProblem(schema, values);
  } catch {
    throw new AppError("invalid_input", "the schema of the deployment's parameters cannot be followed", {
      hint: "A reference in it leads nowhere, or in a circle; Prefect refuses runs of such a deployment. Nothing was sent.",
    });
  }
}
