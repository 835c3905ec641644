import entries from "./catalogue.json";
import type { ToolDefinition, ToolListing } from "./define-tool.ts";

/** What is known of a tool without loading its definition. */
export interface CatalogueEntry
  extends Omit<
    ToolDefinition,
    "name" | "title" | "description" | "annotations" | "input" | "output" | "run" | "listing"
  > {
  readonly listing: ToolListing;
}

/** Made of the definitions by `bun scripts/packaging/tool-catalogue.ts`; `bun run check` compares them. */
export const CATALOGUE = entries as readonly CatalogueEntry[];
