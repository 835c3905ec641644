/** The differences between two values of a field, in words. Schedules are described as in `get_deployments`. */

import { isJsonObject } from "../../lib/exact-json.ts";
import { counted } from "../../lib/shown-text.ts";
import { truncate } from "../../lib/truncate.ts";
import { describeSchedule } from "../../model/objects/schedule.ts";
import type { DeploymentSchedule, JsonObject } from "../../model/objects.ts";

type FieldDiff = Readonly<Record<string, { readonly from?: unknown; readonly to?: unknown }>>;

/** Characters up to which a value is shown whole. */
const MAX_CHARS = 120;
/** Differences shown of one field; the others are counted. */
const MAX_MEMBERS = 8;
const MAX_DEPTH = 6;
/** Timestamps and keys of Prefect's database, which change without an edit. */
const OWN_KEYS: ReadonlySet<string> = new Set(["id", "created", "updated", "deployment_id"]);

/** One text for each difference, `paused: false → true`. Fields are in alphabetical order. */
export async function fieldChanges(diff: FieldDiff): Promise<string[]> {
  const fields = Object.entries(diff).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const changes = await Promise.all(fields.map(([field, { from, to }]) => changesOfField(field, from, to)));
  return changes.flat();
}

async function changesOfField(field: string, from: unknown, to: unknown): Promise<string[]> {
  const schedules = field === "schedules" ? await scheduleChanges(from, to) : null;
  const all = schedules ?? memberChanges(field, from, to, 0);
  const left = all.length - MAX_MEMBERS;
  return left <= 1 ? all : [...all.slice(0, MAX_MEMBERS), `${counted(left, "more difference")} in ${field}`];
}

function memberChanges(path: string, from: unknown, to: unknown, depth: number): string[] {
  const [before, after] = [toText(from), toText(to)];
  if (before === after) return [];
  if (before.length <= MAX_CHARS && after.length <= MAX_CHARS) return [`${path}: ${before} → ${after}`];
  if (depth < MAX_DEPTH && isObject(from) && isObject(to)) {
    const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])];
    const found = keys.flatMap((key) => memberChanges(`${path}.${key}`, from[key], to[key], depth + 1));
    if (found.length > 0) return found;
  }
  if (depth < MAX_DEPTH && Array.isArray(from) && Array.isArray(to)) return listChanges(path, from, to, depth);
  const start = Math.max(0, sameStart(before, after) - MAX_CHARS / 4);
  return [`${path}: ${part(before, start)} → ${part(after, start)}`];
}

/** Lists of objects of the same length are compared by position, others by the entries that were removed and added. */
function listChanges(path: string, from: readonly unknown[], to: readonly unknown[], depth: number): string[] {
  const [before, after] = [new Set(from.map(toText)), new Set(to.map(toText))];
  const removed = [...before].filter((one) => !after.has(one));
  const added = [...after].filter((one) => !before.has(one));
  if (removed.length + added.length === 0) return [`${path}: the same entries in another order or number`];
  if (
    from.length === to.length &&
    [...from, ...to].every((one) => one === null || Array.isArray(one) || isObject(one))
  ) {
    return from.flatMap((one, index) => memberChanges(`${path}[${index}]`, one, to[index], depth + 1));
  }
  return [
    ...removed.map((one) => `${path}: removed ${part(one, 0)}`),
    ...added.map((one) => `${path}: added ${part(one, 0)}`),
  ];
}

/**
 * Null: not two lists of schedules. Schedules are matched by id, by slug, then by content, because a new deploy gives the same schedules
 * new ids.
 */
async function scheduleChanges(from: unknown, to: unknown): Promise<string[] | null> {
  if (!areSchedules(from ?? []) || !areSchedules(to ?? [])) return null;
  let removed = await Promise.all(((from ?? []) as DeploymentSchedule[]).map(describe));
  let added = await Promise.all(((to ?? []) as DeploymentSchedule[]).map(describe));
  const pairs: [Schedule, Schedule][] = [];
  const keys = [(one: Schedule) => one.doc.id, (one: Schedule) => one.doc.slug, (one: Schedule) => one.text];
  for (const keyOf of keys) {
    for (const after of added) {
      const before = removed.find((one) => keyOf(one) && keyOf(one) === keyOf(after));
      if (!before) continue;
      pairs.push([before, after]);
      removed = removed.filter((one) => one !== before);
      added = added.filter((one) => one !== after);
    }
  }
  const changes = [
    ...pairs.flatMap(([before, after]) => changesOfSchedule(before, after)),
    ...removed.map((one) => `schedule removed: ${one.fullText}`),
    ...added.map((one) => `schedule added: ${one.fullText}`),
  ];
  return changes.length > 0 ? changes : ["schedules: saved again without a difference"];
}

function changesOfSchedule(before: Schedule, after: Schedule): string[] {
  const [was, is] = [before.text, after.text];
  const renamed = was === is ? [] : [`schedule ${was} → ${is}`];
  const rest = ({ schedule, ...others }: DeploymentSchedule) => (was === is ? { ...schedule, ...others } : others);
  const [old, now] = [rest(before.doc) as JsonObject, rest(after.doc) as JsonObject];
  const keys = [...new Set([...Object.keys(old), ...Object.keys(now)])].filter((key) => !OWN_KEYS.has(key));
  const members = keys.flatMap((key) => memberChanges(key, old[key], now[key], 1));
  return [...renamed, ...members.map((member) => `schedule ${is}: ${member.replace(": ", " ")}`)];
}

interface Schedule {
  readonly doc: DeploymentSchedule;
  /** The times when it is due. */
  readonly text: string;
  /** With parameters, and whether it is active. */
  readonly fullText: string;
}

async function describe(doc: DeploymentSchedule): Promise<Schedule> {
  const text = await describeSchedule({ schedule: doc.schedule, active: true });
  return { doc, text, fullText: await describeSchedule(doc) };
}

function areSchedules(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every((one) => isObject(one) && isObject(one.schedule) && typeof one.active === "boolean")
  );
}

function isObject(value: unknown): value is JsonObject {
  return isJsonObject(value);
}

function toText(value: unknown): string {
  return JSON.stringify(value ?? null);
}

function sameStart(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  return at;
}

function part(text: string, start: number): string {
  const end = start + MAX_CHARS - 1;
  if (start === 0) return truncate(text, MAX_CHARS);
  return `…${text.slice(start, end)}${text.length > end ? "…" : ""}`;
}
