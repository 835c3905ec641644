/** What differs between two values of a field, in words: only the members that differ, schedules as the list of deployments names them. */

import { describeSchedule } from "../../model/objects/schedule.ts";
import type { DeploymentSchedule, JsonObject } from "../../model/objects.ts";

type FieldDiff = Readonly<Record<string, { readonly from?: unknown; readonly to?: unknown }>>;

/** Values up to this length are shown whole. */
const MOST_CHARS = 120;
/** Members of one field that are told; of the others there is a count. */
const MOST_MEMBERS = 8;
const MOST_DEPTH = 6;
/** Stamps and keys of the database: they say nothing of what was changed. */
const OWN_KEYS: ReadonlySet<string> = new Set(["id", "created", "updated", "deployment_id"]);

/** `paused: false → true`, one sentence for each difference, fields in alphabetical order. */
export async function fieldChanges(diff: FieldDiff): Promise<string[]> {
  const fields = Object.entries(diff).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const changes = await Promise.all(fields.map(([field, { from, to }]) => changesOfField(field, from, to)));
  return changes.flat();
}

async function changesOfField(field: string, from: unknown, to: unknown): Promise<string[]> {
  const told = field === "schedules" ? await scheduleChanges(from, to) : null;
  const all = told ?? memberChanges(field, from, to, 0);
  const left = all.length - MOST_MEMBERS;
  return left <= 1 ? all : [...all.slice(0, MOST_MEMBERS), `${left} more differences in ${field}`];
}

function memberChanges(path: string, from: unknown, to: unknown, depth: number): string[] {
  const [before, after] = [toText(from), toText(to)];
  if (before === after) return [];
  if (before.length <= MOST_CHARS && after.length <= MOST_CHARS) return [`${path}: ${before} → ${after}`];
  if (depth < MOST_DEPTH && isObject(from) && isObject(to)) {
    const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])];
    const found = keys.flatMap((key) => memberChanges(`${path}.${key}`, from[key], to[key], depth + 1));
    if (found.length > 0) return found;
  }
  if (depth < MOST_DEPTH && Array.isArray(from) && Array.isArray(to)) return listChanges(path, from, to, depth);
  const start = Math.max(0, sameStart(before, after) - MOST_CHARS / 4);
  return [`${path}: ${part(before, start)} → ${part(after, start)}`];
}

/** Lists of the same length by place, others by what came and went. */
function listChanges(path: string, from: readonly unknown[], to: readonly unknown[], depth: number): string[] {
  const [before, after] = [new Set(from.map(toText)), new Set(to.map(toText))];
  const gone = [...before].filter((one) => !after.has(one));
  const come = [...after].filter((one) => !before.has(one));
  if (gone.length + come.length === 0) return [`${path}: the same in another order or number`];
  if (from.length === to.length && [...from, ...to].every((one) => typeof one === "object")) {
    return from.flatMap((one, index) => memberChanges(`${path}[${index}]`, one, to[index], depth + 1));
  }
  return [
    ...gone.map((one) => `${path}: removed ${part(one, 0)}`),
    ...come.map((one) => `${path}: added ${part(one, 0)}`),
  ];
}

/** Null: not two lists of schedules. Matched by id, slug, then by what they say: a new deploy gives new ids to the same schedules. */
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
  const told = [
    ...pairs.flatMap(([before, after]) => changesOfSchedule(before, after)),
    ...removed.map((one) => `schedule removed: ${one.fullText}`),
    ...added.map((one) => `schedule added: ${one.fullText}`),
  ];
  return told.length > 0 ? told : ["schedules: written again without a difference"];
}

function changesOfSchedule(before: Schedule, after: Schedule): string[] {
  const [was, is] = [before.text, after.text];
  const told = was === is ? [] : [`schedule ${was} → ${is}`];
  const rest = ({ schedule, ...others }: DeploymentSchedule) => (was === is ? { ...schedule, ...others } : others);
  const [old, now] = [rest(before.doc) as JsonObject, rest(after.doc) as JsonObject];
  const keys = [...new Set([...Object.keys(old), ...Object.keys(now)])].filter((key) => !OWN_KEYS.has(key));
  const members = keys.flatMap((key) => memberChanges(key, old[key], now[key], 1));
  return [...told, ...members.map((member) => `schedule ${is}: ${member.replace(": ", " ")}`)];
}

interface Schedule {
  readonly doc: DeploymentSchedule;
  /** When it is due, alone. */
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
  return typeof value === "object" && value !== null && !Array.isArray(value);
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
  const end = start + MOST_CHARS - 1;
  if (start === 0) return text.length <= MOST_CHARS ? text : `${text.slice(0, end)}…`;
  return `…${text.slice(start, end)}${text.length > end ? "…" : ""}`;
}
