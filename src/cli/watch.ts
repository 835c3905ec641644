import { openApp } from "../app/app.ts";
import { VERSION } from "../app/version.ts";
import { openWebhook } from "../app/webhook-sender.ts";
import { systemClock } from "../lib/clock.ts";
import { asName, counted, own, sentence } from "../lib/shown-text.ts";
import {
  endedUs,
  findIncidentChanges,
  type IncidentMarks,
  isLoud,
  markIncidents,
} from "../queries/incidents/incident-changes.ts";
import { findIncidents, withIncidentNames } from "../queries/incidents/incidents.ts";
import { isRecordCurrent } from "../queries/source/answer.ts";
import type { QueryContext } from "../queries/source/context.ts";
import { serverNowUs } from "../queries/source/server-time.ts";
import { dataVersion, type RecordDb } from "../store/database.ts";
import { incidentItem } from "../tools/runs/incident-items.ts";
import { chosenSettings } from "./arguments/chosen-settings.ts";
import type { CommandContext } from "./command.ts";
import { createIncidentView } from "./terminal/incident-view.ts";

/** For changes that another process writes; those of this process's Worker are looked at at once. */
const LOOK_EVERY_MS = 1_000;
/** Least time between two looks, which compare some hundred failures. */
const LOOK_REST_MS = 200;

/** Follows incidents until the signal aborts: one line for each change, and a message to the webhook. */
export async function runWatch(ctx: CommandContext): Promise<number> {
  const { invocation, out, logger, signal } = ctx;
  const settings = await chosenSettings(ctx);
  const isAll = invocation.switches.has("all");
  await using app = openApp({ settings, entry: ctx.entry, version: VERSION, clock: systemClock, logger });
  app.query();
  const { webhook: rules } = app.settings.settings;
  const note = (text: Parameters<typeof out.note>[0]) => out.note(text);
  const webhook = await openWebhook({
    url: invocation.values.webhook,
    rules,
    redact: app.redact ?? null,
    signal,
    note,
  });
  app.follow();
  const view = createIncidentView(out);
  let woken = new AbortController();
  app.onChange(() => woken.abort());
  let held: { readonly file: string; readonly marks: IncidentMarks; version: number } | null = null;
  view.status(own("waiting until the record is up to date"));
  while (!signal.aborted) {
    woken = new AbortController();
    const query = app.query();
    const db = query.record();
    const version = db === null ? -1 : dataVersion(db);
    if (db !== null && (held === null || held.file !== db.file)) {
      if (isRecordCurrent(query, db, "flow_run")) {
        held = { file: db.file, marks: markIncidents(db, serverNowUs(query)), version };
        await showOpen(query, db, view);
      }
    } else if (db !== null && held !== null && held.version !== version) {
      held.version = version;
      const changes = findIncidentChanges(db, held.marks).filter((one) => isAll || isLoud(one));
      const named = await withIncidentNames(
        query,
        changes.map(({ incident }) => incident),
        db,
      );
      for (const [index, { kind }] of changes.entries()) {
        const incident = named[index];
        if (incident === undefined) continue;
        view.change(kind, incident);
        webhook?.send(kind, await incidentItem(incident), serverNowUs(query));
      }
      if (changes.length > 0) view.status(openCount(query, db));
    }
    await systemClock.sleep(LOOK_REST_MS, signal);
    await systemClock.sleep(LOOK_EVERY_MS, AbortSignal.any([signal, woken.signal]));
  }
  view.end();
  await webhook?.end();
  return 0;
}

async function showOpen(query: QueryContext, db: RecordDb, view: ReturnType<typeof createIncidentView>): Promise<void> {
  const open = findIncidents(db).incidents.filter((one) => endedUs(one) === null);
  const named = await withIncidentNames(query, open.slice(0, MAX_OPEN), db);
  for (const incident of named.toReversed()) view.open(incident);
  if (open.length > MAX_OPEN) view.line(sentence`${counted(open.length - MAX_OPEN, "older open incident")} not shown`);
  view.status(openCount(query, db));
}

const MAX_OPEN = 10;

function openCount(query: QueryContext, db: RecordDb) {
  const { incidents } = findIncidents(db);
  const open = incidents.filter((one) => endedUs(one) === null).length;
  return sentence`following ${asName(query.instance)}: ${counted(open, "open incident")}`;
}
