/** The public schemas of the files for installers, as published: test/fixtures/schemas/README.md says where. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv, type ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

export type PublicSchema = "server-2025-12-11" | "agent-plugin-1.0.0" | "agent-plugin-mcp-1.0.0" | "mcpb-manifest-0.4";

const FOLDER = join(import.meta.dir, "..", "..", "fixtures", "schemas");
const compiled = new Map<PublicSchema, ValidateFunction>();

function validatorOf(name: PublicSchema): ValidateFunction {
  const known = compiled.get(name);
  if (known) return known;
  const schema = JSON.parse(readFileSync(join(FOLDER, `${name}.schema.json`), "utf8"));
  // `strict` is about how a schema is written, not about what it accepts.
  const options = { strict: false, allErrors: true };
  const ajv = String(schema.$schema).includes("2020-12") ? new Ajv2020(options) : new Ajv(options);
  addFormats.default(ajv);
  const validate = ajv.compile(schema);
  compiled.set(name, validate);
  return validate;
}

/** One line for each place that the schema refuses. */
export function schemaProblems(name: PublicSchema, value: unknown): string[] {
  const validate = validatorOf(name);
  // What JSON leaves out is not there.
  if (validate(JSON.parse(JSON.stringify(value)))) return [];
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath || "/"} ${message}`);
}
