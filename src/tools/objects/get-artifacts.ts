import { z } from "zod";
import { own, sentence } from "../../lib/shown-text.ts";
import { truncateWithLength } from "../../lib/truncate.ts";
import { withNotes } from "../../model/freshness.ts";
import { heldFilters } from "../../model/kinds.ts";
import { MAX_FIELD_CHARS } from "../../model/objects/long-fields.ts";
import type { Artifact, JsonObject } from "../../model/objects.ts";
import { BRIEF_MESSAGE_CHARS } from "../../queries/events/event-brief.ts";
import { listObjects } from "../../queries/objects/objects.ts";
import type { FilterSet } from "../../store/filters/bodies.ts";
import type { Item } from "../answer/table.ts";
import { MAX_LIMIT, offsetOf } from "../definition/list-arguments.ts";
import { byField, byName } from "../definition/list-filters.ts";
import { listTool } from "../definition/list-tool.ts";
import { filterArg, listArgs, textArg } from "../definition/shared-schemas.ts";
import { unknownValueNotes } from "../definition/suggestions.ts";

/** Of Prefect itself; other types are possible. https://github.com/PrefectHQ/prefect/blob/main/src/prefect/artifacts.py */
const TYPES = ["markdown", "table", "link", "image", "progress", "result"];

export const getArtifactsTool = listTool({
  kind: "artifact",
  title: "Artifacts",
  description: `What runs have made (reports, tables, links, images, progress), last updated first, with key, type, description and run. detail full: with data, of which at most ${MAX_FIELD_CHARS} characters are shown. What runs returned is left out unless type or filter is given.`,
  input: z.strictObject({
    filter: filterArg.describe("Prefect ArtifactFilter"),
    flow_run: textArg.describe("id, prefix, UI link, name"),
    key: textArg.describe("exact"),
    type: textArg.describe(TYPES.join(", ")),
    ...listArgs(MAX_LIMIT),
  }),
  aliases: { flow_run_id: "flow_run", flow_run_name: "flow_run", artifact_key: "key", artifact_type: "type" },
  criteria: {
    flow_run: byName("flow_run", "flow_run_id"),
    key: byField("key", "any_"),
    type: byField("type", "any_"),
  },
  brief: ["id", "key", "type", "description", "flow_run_id", "task_run_id", "created", "updated"],
  full: ["data", "data_chars", "metadata_", "ui_url"],
  orderText: () => sentence`, last updated first`,
  order: ["key", "type", "updated", "description"],
  hint: sentence`Narrow by flow_run, key or type.`,
  none: sentence`No artifact matches.`,
  async query(ctx, { set, limit, position, fresh }, { filter, type }) {
    const isAny = filter === undefined && type === undefined;
    const asked = isAny ? withoutResults(set) : set;
    const page = await listObjects(ctx, {
      kind: "artifact",
      set: asked,
      sort: "UPDATED_DESC",
      limit,
      offset: offsetOf(position),
      fresh,
    });
    const notes =
      page.rows.length > 0 ? [] : unknownValueNotes(own("artifact"), type === undefined ? [] : [type], TYPES);
    return { ...page, freshness: withNotes(page.freshness, notes) };
  },
  toItem: (artifact, { isFull }) => (isFull ? { ...artifact } : briefArtifact(artifact)),
});

function withoutResults(set: FilterSet): FilterSet {
  const { artifacts } = heldFilters("artifact");
  return { ...set, artifacts: { ...(set.artifacts as JsonObject | undefined), ...(artifacts as JsonObject) } };
}

function briefArtifact({ id, key, type, description, flow_run_id, task_run_id, created, updated }: Artifact): Item {
  return {
    id,
    ...(key ? { key } : {}),
    ...(type ? { type } : {}),
    ...(description ? { description: truncateWithLength(description, BRIEF_MESSAGE_CHARS) } : {}),
    ...(flow_run_id ? { flow_run_id } : {}),
    ...(task_run_id ? { task_run_id } : {}),
    ...(created ? { created } : {}),
    ...(updated ? { updated } : {}),
  };
}
