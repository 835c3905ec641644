/**
 * Moves a recorded family to another time and gives a copy its own ids and names. It works on the JSON text, so that times and
 * ids inside labels, messages and log lines change too.
 */
import { formatIsoUs, parseIsoUs, SECOND_US } from "../lib/time.ts";
import type { FamilyRows } from "./workspace.ts";

const UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
/** Date and time up to the second. Fraction and zone stay, because shifts are whole seconds. */
const TIME = "\\d{4}-\\d\\d-\\d\\d[T ]\\d\\d:\\d\\d:\\d\\d";

/** A family as text, with the ids and names that a copy replaces. */
export interface Template {
  readonly text: string;
  readonly rows: FamilyRows;
  /** Ids of its own rows, states and events. */
  readonly ownIds: ReadonlySet<string>;
  /** Names of its flow runs. */
  readonly names: readonly string[];
}

export interface Rewrite {
  /** Whole seconds, in microseconds. */
  readonly shiftUs: number;
  /** Seed of new ids and names; null keeps the recorded ones. */
  readonly copy: string | null;
  /** Id and name of the top-level run, where it already exists as an upcoming run. */
  readonly root?: { readonly id: string; readonly name: string };
}

export function toTemplate(rows: FamilyRows): Template {
  const ownIds = new Set<string>();
  for (const list of [rows.flow_runs, rows.flow_run_states, rows.task_runs, rows.logs, rows.events]) {
    for (const row of list) ownIds.add(row.id);
  }
  return { text: JSON.stringify(rows), rows, ownIds, names: [...new Set(rows.flow_runs.map((run) => run.name))] };
}

export function rewriteFamily(template: Template, rewrite: Rewrite, names: readonly string[]): FamilyRows {
  const replaced = new Map<string, string>();
  if (rewrite.copy !== null) {
    for (const id of template.ownIds) replaced.set(id, copiedId(id, rewrite.copy, rewrite.shiftUs));
    for (const name of template.names) replaced.set(name, copiedName(name, rewrite.copy, names));
  }
  if (rewrite.root) {
    const { root, flow_runs: runs } = template.rows;
    replaced.set(root, rewrite.root.id);
    replaced.set(runs.find((run) => run.id === root)?.name ?? root, rewrite.root.name);
  }
  return JSON.parse(rewriteText(template.text, rewrite.shiftUs, replaced, template.names));
}

/** Moves times by `shiftUs`, and replaces the ids and names that are keys of `replaced`. */
export function rewriteText(
  text: string,
  shiftUs: number,
  replaced: ReadonlyMap<string, string> = new Map(),
  names: readonly string[] = [],
): string {
  const pattern = new RegExp([UUID, TIME, ...names.map((name) => `\\b${name}\\b`)].join("|"), "g");
  const times = new Map<string, string>();
  return text.replace(pattern, (match) => {
    const other = replaced.get(match);
    if (other !== undefined) return other;
    if (match.charCodeAt(4) !== 45 || match.length !== 19) return match;
    const moved = times.get(match) ?? shiftTime(match, shiftUs);
    times.set(match, moved);
    return moved;
  });
}

function shiftTime(text: string, shiftUs: number): string {
  const us = parseIsoUs(text);
  return us === undefined
    ? text
    : `${formatIsoUs(us + shiftUs).slice(0, 10)}${text[10]}${formatIsoUs(us + shiftUs).slice(11, 19)}`;
}

/** A UUID that depends on the id and the copy alone. The version is kept; the time in a version 7 is moved by the shift. */
export function copiedId(id: string, copy: string, shiftUs: number): string {
  const high = Bun.hash.wyhash(`${copy}/${id}`, 1n).toString(16).padStart(16, "0");
  const low = Bun.hash.wyhash(`${copy}/${id}`, 2n).toString(16).padStart(16, "0");
  const version = id[14];
  const time = version === "7" ? movedTime(id, shiftUs) : high.slice(0, 12);
  return `${time.slice(0, 8)}-${time.slice(8)}-${version}${high.slice(13)}-a${low.slice(1, 4)}-${low.slice(4)}`;
}

function movedTime(id: string, shiftUs: number): string {
  const ms = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) + Math.round(shiftUs / 1000);
  return ms.toString(16).padStart(12, "0");
}

/** A name made of the first word of one recorded name and the second word of another. */
export function copiedName(name: string, copy: string, names: readonly string[]): string {
  const pick = (seed: bigint, part: 0 | 1) => {
    const chosen = names[Number(Bun.hash.wyhash(`${copy}/${name}`, seed) % BigInt(names.length))] ?? name;
    const dash = chosen.indexOf("-");
    return part === 0 ? chosen.slice(0, dash) : chosen.slice(dash + 1);
  };
  return `${pick(3n, 0)}-${pick(4n, 1)}`;
}

/** The next whole second at or after `us`. */
export function wholeSeconds(us: number): number {
  return Math.ceil(us / SECOND_US) * SECOND_US;
}
