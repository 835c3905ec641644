/** Assets and what they were made from, by their events. Pure. */
import { parseIsoUs, type ServerUs } from "../../lib/time.ts";
import {
  type PrefectEvent,
  RESOURCE_ID,
  RESOURCE_NAME,
  RESOURCE_ROLE,
  splitResourceId,
} from "../../model/events/event.ts";

/**
 * Names of the events of assets. A materialization has the assets that it read as related resources of the role `asset`.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/context.py (`AssetContext.emit_events`)
 */
export const SUCCEEDED = "prefect.asset.materialization.succeeded";
export const FAILED = "prefect.asset.materialization.failed";
export const REFERENCED = "prefect.asset.referenced";

export interface AssetRun {
  readonly id: string;
  readonly name: string | null;
}

/** One event of an asset, with the run that sent it. */
export interface AssetUse {
  readonly us: ServerUs;
  readonly flowRun: AssetRun | null;
  readonly taskRun: AssetRun | null;
  /** `flow/deployment`, or the flow of a run without a deployment. */
  readonly owner: string | null;
  /** The tool that made it, such as dbt. */
  readonly by: string | null;
}

export interface Asset {
  readonly key: string;
  readonly name: string | null;
  /** The last one that succeeded. Null: none is known, so that it comes from elsewhere. */
  readonly made: AssetUse | null;
  /** Of that one. Ascending. */
  readonly from: readonly string[];
  /** The last failure, where it is newer than what was made. */
  readonly failed: AssetUse | null;
  /** When a run has read it last. */
  readonly referenced: AssetUse | null;
}

export interface AssetGraph {
  readonly assets: ReadonlyMap<string, Asset>;
  /** Assets that were made from the asset, by its key. Ascending. */
  readonly usedBy: ReadonlyMap<string, readonly string[]>;
}

/** `events`: newest first. */
export function assetGraph(events: readonly PrefectEvent[]): AssetGraph {
  const assets = new Map<string, { -readonly [Member in keyof Asset]: Asset[Member] }>();
  const assetOf = (key: string) => {
    const known = assets.get(key);
    if (known) return known;
    const asset = { key, name: null, made: null, from: [], failed: null, referenced: null };
    assets.set(key, asset);
    return asset as { -readonly [Member in keyof Asset]: Asset[Member] };
  };
  for (const event of events) {
    const asset = assetOf(event.resource[RESOURCE_ID] ?? "");
    asset.name ??= event.resource[RESOURCE_NAME] ?? null;
    if (event.event === SUCCEEDED && asset.made === null) {
      asset.made = useOf(event);
      asset.from = sourcesOf(event);
      for (const key of asset.from) assetOf(key);
    } else if (event.event === FAILED && asset.made === null) asset.failed ??= useOf(event);
    else if (event.event === REFERENCED) asset.referenced ??= useOf(event);
  }
  const usedBy = new Map<string, string[]>();
  for (const { key, from } of assets.values())
    for (const source of from) usedBy.set(source, [...(usedBy.get(source) ?? []), key].toSorted());
  return { assets, usedBy };
}

function sourcesOf({ related, resource }: PrefectEvent): string[] {
  const keys = related.flatMap((one) => (one[RESOURCE_ROLE] === "asset" ? (one[RESOURCE_ID] ?? []) : []));
  return [...new Set(keys)].filter((key) => key !== resource[RESOURCE_ID]).toSorted();
}

function useOf({ occurred, related }: PrefectEvent): AssetUse {
  const ofRole = (role: string) => related.find((one) => one[RESOURCE_ROLE] === role);
  const runOf = (role: string): AssetRun | null => {
    const run = ofRole(role);
    return run ? { id: splitResourceId(run[RESOURCE_ID] ?? "").key, name: run[RESOURCE_NAME] ?? null } : null;
  };
  const flow = ofRole("flow")?.[RESOURCE_NAME];
  const deployment = ofRole("deployment")?.[RESOURCE_NAME];
  return {
    us: parseIsoUs(occurred) ?? 0,
    flowRun: runOf("flow-run"),
    taskRun: runOf("task-run"),
    owner: deployment === undefined ? (flow ?? null) : flow === undefined ? deployment : `${flow}/${deployment}`,
    by: ofRole("asset-materialized-by")?.[RESOURCE_ID] ?? null,
  };
}

/** An asset with its distance from the asset of the question: sources have negative ones. */
export interface PlacedAsset {
  readonly asset: Asset;
  readonly distance: number;
  /** Neighbours in the same direction beyond the depth of the question. */
  readonly beyond: number;
  /** A source of it was made after it. */
  readonly isOutdated: boolean;
}

export interface Walk {
  readonly key: string;
  readonly directions: readonly ("upstream" | "downstream")[];
  readonly depth: number;
}

/** Nearest first, sources before what hangs on it. An asset on a circle is listed once, at its least distance. */
export function walkAssets(graph: AssetGraph, { key, directions, depth }: Walk): PlacedAsset[] {
  const root = graph.assets.get(key);
  if (!root) return [];
  const placed = [place(graph, root, 0, 0)];
  for (const direction of directions) {
    const next = (one: string) =>
      (direction === "upstream" ? graph.assets.get(one)?.from : graph.usedBy.get(one)) ?? [];
    const seen = new Set([key]);
    let level = [key];
    for (let distance = 1; distance <= depth && level.length > 0; distance += 1) {
      level = [...new Set(level.flatMap((one) => next(one)))].filter((one) => !seen.has(one));
      for (const one of level) seen.add(one);
      for (const one of level) {
        const asset = graph.assets.get(one);
        const beyond = distance === depth ? next(one).filter((other) => !seen.has(other)).length : 0;
        if (asset) placed.push(place(graph, asset, direction === "upstream" ? -distance : distance, beyond));
      }
    }
  }
  return placed;
}

/** All assets, last made first; those that come from elsewhere last. */
export function allAssets(graph: AssetGraph): PlacedAsset[] {
  return [...graph.assets.values()]
    .toSorted((a, b) => (b.made?.us ?? 0) - (a.made?.us ?? 0) || (a.key < b.key ? -1 : 1))
    .map((asset) => place(graph, asset, 0, 0));
}

function place(graph: AssetGraph, asset: Asset, distance: number, beyond: number): PlacedAsset {
  const madeUs = asset.made?.us;
  const isOutdated = madeUs !== undefined && asset.from.some((key) => (graph.assets.get(key)?.made?.us ?? 0) > madeUs);
  return { asset, distance, beyond, isOutdated };
}
