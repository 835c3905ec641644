/** Which runs made an asset, from what, and what was made from it. */
import { AppError } from "../../errors.ts";
import { asNames, counted, quote, sentence } from "../../lib/shown-text.ts";
import { closest } from "../../lib/similar.ts";
import type { ServerUs } from "../../lib/time.ts";
import { asIncomplete, type Freshness, type TimeRange } from "../../model/freshness.ts";
import { listEvents } from "../events/events.ts";
import type { QueryContext } from "../source/context.ts";
import {
  type AssetGraph,
  allAssets,
  assetGraph,
  FAILED,
  type PlacedAsset,
  REFERENCED,
  SUCCEEDED,
  type Walk,
  walkAssets,
} from "./asset-graph.ts";

export interface LineageQuestion extends Omit<Walk, "key"> {
  /** Key or name of the asset; undefined: all assets. */
  readonly asset: string | undefined;
  readonly sinceUs: ServerUs | undefined;
  readonly nowUs: ServerUs;
  readonly fresh?: boolean | undefined;
}

export interface Lineage {
  /** The key of the asset that was meant; null: all. */
  readonly key: string | null;
  readonly assets: readonly PlacedAsset[];
  readonly graph: AssetGraph;
  readonly window: TimeRange;
  readonly freshness: Freshness;
}

/** Events of assets that are looked at, newest first. */
const MAX_EVENTS = 5_000;
/** Without a record: Prefect returns 50 of them in a request. */
const MAX_LIVE_EVENTS = 400;

/** Throws AppError `not_found` for an asset without events, and of the live reading when nothing is recorded. */
export async function getLineage(ctx: QueryContext, question: LineageQuestion): Promise<Lineage> {
  const { asset, sinceUs, nowUs, fresh } = question;
  const limit = ctx.record() === null || fresh === true ? MAX_LIVE_EVENTS : MAX_EVENTS;
  const filter = { event: { name: [SUCCEEDED, FAILED, REFERENCED] } };
  const page = await listEvents(ctx, { filter, sinceUs, order: "desc", limit, fresh, nowUs });
  const graph = assetGraph(page.events);
  const freshness = page.hasMore
    ? asIncomplete(page.freshness, sentence`Only the newest ${counted(limit, "event")} of assets were looked at.`)
    : page.freshness;
  const { window } = page;
  if (asset === undefined) return { key: null, assets: allAssets(graph), graph, window, freshness };
  const key = keyOf(graph, asset, freshness);
  return { key, assets: walkAssets(graph, { ...question, key }), graph, window, freshness };
}

/** By its key, else by its name, in any case. */
function keyOf({ assets }: AssetGraph, given: string, freshness: Freshness): string {
  if (assets.has(given)) return given;
  const wanted = given.toLowerCase();
  const meant = [...assets.values()].filter((one) =>
    [one.key, one.name].some((text) => text?.toLowerCase() === wanted),
  );
  const [only] = meant;
  if (only && meant.length === 1) return only.key;
  if (only) {
    throw new AppError("invalid_input", sentence`${quote(given)} names ${counted(meant.length, "asset")}`, {
      hint: sentence`Give the key of one: ${asNames(meant.slice(0, 10).map((one) => one.key))}.`,
    });
  }
  const near = closest(given, assets.keys(), 5, (key) => key.split("/"));
  const hint = near.length > 0 ? sentence`Nearest keys: ${asNames(near)}.` : sentence`Without asset, all are listed.`;
  const where = freshness.coverage.complete ? "" : " in what could be read";
  throw new AppError("not_found", sentence`no event of an asset ${quote(given)}${where}`, { hint });
}
