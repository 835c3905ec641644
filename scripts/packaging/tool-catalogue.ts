/**
 * `src/tools/definition/catalogue.json`, what `tools/list` shows, made of the definitions of the tools. Without arguments it is written;
 * `--check` fails when it is stale.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CatalogueEntry } from "../../src/tools/definition/catalogue.ts";
import type { ToolDefinition } from "../../src/tools/definition/define-tool.ts";
import { toolListing } from "../../src/tools/definition/listing.ts";

const CATALOGUE = join(import.meta.dir, "../../src/tools/definition/catalogue.json");

/** The catalogue of these definitions, one tool a line. */
export function catalogueOf(definitions: readonly ToolDefinition[]): string {
  return `[\n${definitions.map((tool) => JSON.stringify(entryOf(tool))).join(",\n")}\n]\n`;
}

function entryOf(tool: ToolDefinition): CatalogueEntry {
  const { name: _, title: _t, description: _d, annotations: _a, input: _i, output: _o, run: _r, ...rest } = tool;
  return { ...rest, listing: toolListing(tool) };
}

if (import.meta.main) {
  const isCheck = process.argv.includes("--check");
  const held = readFileSync(CATALOGUE, "utf8");
  // A missing entry would keep the list of tools from loading.
  const { DEFINITIONS } = await import("../../src/tools/definitions.ts");
  const made = catalogueOf(Object.values(DEFINITIONS).map((load) => load()));
  if (!isCheck) writeFileSync(CATALOGUE, made);
  else if (held !== made) {
    console.error("src/tools/definition/catalogue.json is stale: bun scripts/packaging/tool-catalogue.ts");
    process.exit(1);
  }
}
