import { z } from "zod";
import { own, quote, sentence } from "../../lib/shown-text.ts";
import { formatIsoUs, SECOND_US, type ServerUs } from "../../lib/time.ts";
import type { AssetGraph, AssetUse, PlacedAsset } from "../../queries/lineage/asset-graph.ts";
import { getLineage } from "../../queries/lineage/lineage.ts";
import { serverNowUs } from "../../queries/source/server-time.ts";
import { decodeCursor, encodeCursor } from "../answer/cursor.ts";
import { isoRange } from "../answer/freshness.ts";
import { rangeText } from "../answer/range-text.ts";
import type { Item } from "../answer/table.ts";
import { defineTool } from "../definition/define-tool.ts";
import { listAnswer } from "../definition/list-answer.ts";
import { DEFAULT_LIMIT, MAX_LIMIT, offsetOf, questionOf } from "../definition/list-arguments.ts";
import { flagArg, limitArg, listOutput, textArg, timeArg, tokenBudget } from "../definition/shared-schemas.ts";

const MAX_DEPTH = 10;
const DEFAULT_DEPTH = 3;

const input = z.strictObject({
  asset: textArg.describe("key or name; without it all assets"),
  direction: z.enum(["upstream", "downstream", "both"]).optional(),
  depth: z.number().int().min(1).max(MAX_DEPTH).optional(),
  since: textArg,
  limit: limitArg(MAX_LIMIT),
  cursor: textArg,
  fresh: flagArg,
});

export const getLineageTool = defineTool({
  name: "get_lineage",
  title: "Lineage of assets",
  description:
    "From asset events: which run made an asset last and how long ago, from which assets, what was made from it downstream, and whether a source is newer than what was made from it.",
  input,
  output: listOutput("assets", { asset: z.string().optional() }),
  aliases: { asset_key: "asset", key: "asset", occurred_after: "since" },
  async run({ query: ctx, share }, args) {
    const nowUs = serverNowUs(ctx);
    const question = questionOf(ctx, "get_lineage", args);
    const offset = offsetOf(args.cursor === undefined ? undefined : decodeCursor(question, args.cursor));
    const { direction = "both", depth = DEFAULT_DEPTH } = args;
    const found = await getLineage(ctx, {
      asset: args.asset,
      directions: direction === "both" ? ["upstream", "downstream"] : [direction],
      depth,
      sinceUs: timeArg("since", args.since, nowUs),
      nowUs,
      fresh: args.fresh,
    });
    const { key, assets, graph, window, freshness } = found;
    const page = assets.slice(offset, offset + (args.limit ?? DEFAULT_LIMIT));
    const beyond = assets.some((one) => one.beyond > 0);
    return listAnswer({
      key: "assets",
      noun: [own("asset"), own("assets")],
      title:
        key === null
          ? sentence`, last made first`
          : sentence`: ${quote(key, 200)} (distance 0), what it was made from (distances below 0) and what was made from it`,
      items: page.map((one) => toItem(one, graph, nowUs, key !== null)),
      hasMore: assets.length > offset + page.length,
      cursorAfter: (index) => encodeCursor(question, [offset + index + 1]),
      freshness,
      nowUs,
      budget: tokenBudget(args, share),
      extra: { ...(key === null ? {} : { asset: key }), window: isoRange(window) },
      facts: [
        sentence`events of assets: ${rangeText(window)}`,
        ...(beyond ? [sentence`More assets follow beyond depth ${depth} (of at most ${MAX_DEPTH}).`] : []),
      ],
      order: ["distance", "key", "name", "made", "age", "flow/deployment"],
      hint: sentence`Narrow by asset, direction or depth.`,
      none: sentence`No event of an asset is known. Assets are made by tasks with \`@materialize\`.`,
    });
  },
});

function toItem(one: PlacedAsset, graph: AssetGraph, nowUs: ServerUs, isPlaced: boolean): Item {
  const { asset, distance, beyond, isOutdated } = one;
  const { key, name, made, from, failed, referenced } = asset;
  const usedBy = graph.usedBy.get(key) ?? [];
  return {
    id: key,
    ...(isPlaced ? { distance } : {}),
    ...(name === null ? {} : { name }),
    ...(made === null ? { made: "elsewhere" } : { made: formatIsoUs(made.us), age_seconds: seconds(nowUs - made.us) }),
    ...(isOutdated ? { older_than_source: true } : {}),
    ...(made === null ? {} : useFields(made)),
    ...keysField("from", from),
    ...keysField("used_by", usedBy),
    ...(failed === null ? {} : { last_failed: formatIsoUs(failed.us), ...failedRun(failed) }),
    ...(referenced === null ? {} : { last_read: formatIsoUs(referenced.us) }),
    ...(beyond > 0 ? { beyond_depth: beyond } : {}),
  };
}

/** Keys that are shown of a list; the rest is counted. */
const MAX_KEYS = 10;

function keysField(member: "from" | "used_by", keys: readonly string[]): Item {
  const more = keys.length - MAX_KEYS;
  return keys.length === 0
    ? {}
    : { [member]: keys.slice(0, MAX_KEYS), ...(more > 0 ? { [`more_${member}`]: more } : {}) };
}

function seconds(us: number): number {
  return Math.round(us / SECOND_US);
}

function useFields({ owner, flowRun, taskRun, by }: AssetUse): Item {
  return {
    ...(owner === null ? {} : { made_by: owner }),
    ...(flowRun === null
      ? {}
      : { flow_run_id: flowRun.id, ...(flowRun.name === null ? {} : { flow_run_name: flowRun.name }) }),
    ...(taskRun === null || taskRun.name === null ? {} : { task_run_name: taskRun.name }),
    ...(by === null ? {} : { tool: by }),
  };
}

function failedRun({ flowRun }: AssetUse): Item {
  return flowRun === null
    ? {}
    : { failed_run: { id: flowRun.id, ...(flowRun.name === null ? {} : { name: flowRun.name }) } };
}
