import { existsSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { firstRecordFileOf, recordFileOf, recordFilesOf } from "../app/connection.ts";
import { openSyncSession } from "../app/sync-session.ts";
import { VERSION } from "../app/version.ts";
import type { Settings } from "../config/settings.ts";
import { normaliseApiUrl } from "../config/urls.ts";
import { AppError } from "../errors.ts";
import { systemClock } from "../lib/clock.ts";
import { asPlace, counted, figure, joined, own, quote, type Sentence, sentence } from "../lib/shown-text.ts";
import { formatIsoUs, onServerClock } from "../lib/time.ts";
import { openRecord } from "../store/database.ts";
import { findEventRange } from "../store/events/events.ts";
import { tryBecomeLeader } from "../store/file/leader-lock.ts";
import { bytesAside, filesAside, recordBytes } from "../store/file/record-file.ts";
import { setCurrentRecordFile } from "../store/file/server-records.ts";
import { dropEmptyFolder } from "../store/file/tenant-folders.ts";
import { chosenSettings } from "./arguments/chosen-settings.ts";
import type { CommandContext } from "./command.ts";
import { readProblem } from "./doctor/files.ts";
import { momentFlag } from "./sync.ts";
import { askYes } from "./terminal/confirm.ts";

/**
 * Deletes the record of an instance, or only what is older than a time. HTTP callers who named the same instance in their
 * headers have records of their own; those are included.
 */
export async function runForget(ctx: CommandContext): Promise<number> {
  const { invocation, out, signal } = ctx;
  const beforeUs = momentFlag(invocation.values.before, "before", onServerClock(systemClock.nowUs(), 0));
  const settings = await chosenInstance(ctx);
  const problem = readProblem(settings.dataDir);
  if (problem) throw problem;
  const instance = settings.apiUrl ?? "";
  const file = recordFileOf(settings, instance);
  const files = recordFilesOf(settings, instance);
  const sizeOf = () => files.reduce((sum, one) => sum + recordBytes(one) + bytesAside(one), 0);
  const what = beforeUs === null ? own("everything") : sentence`everything from before ${formatIsoUs(beforeUs)}`;
  if (files.length === 0)
    return report(ctx, { instance, file, removed_events: 0, freed_bytes: 0 }, own("Nothing is recorded"));
  const where =
    files.length === 1
      ? asPlace(files[0] ?? "")
      : sentence`${counted(files.length, "record")} in ${asPlace(settings.dataDir)}`;
  const question = sentence`Remove ${what} that is recorded of ${asPlace(instance)} (${figure(sizeOf() / 1e6, 1)} MB in ${where})?`;
  if (!invocation.switches.has("yes") && !(await askYes(question, out, signal))) {
    out.note(own("Nothing was removed."));
    return 1;
  }
  const bytes = sizeOf();
  let removed = 0;
  for (const one of files) {
    if (beforeUs === null) removed += removeRecord(ctx, one, firstRecordFileOf({ dataDir: dirname(one) }, instance));
    else if (existsSync(one)) removed += await removeBefore(ctx, settings, one, beforeUs);
  }
  const left = files.flatMap(filesAside);
  if (left.length > 0)
    out.note(
      sentence`Damaged files cannot be read and are kept; without --before they are deleted: ${joined(left.map(asPlace), ", ")}`,
    );
  const freed = Math.max(0, bytes - sizeOf());
  for (const one of files) if (one !== file) dropEmptyFolder(dirname(one));
  return report(ctx, { instance, file, removed_events: removed, freed_bytes: freed }, sentence`Removed ${what}`);
}

/** The settings with the API URL of `--instance`, which works even where the settings are invalid. */
async function chosenInstance(ctx: CommandContext): Promise<Settings> {
  const { invocation } = ctx;
  const { settings } = (await chosenSettings(ctx)).current();
  const asked = invocation.values.instance;
  if (asked === undefined) {
    if (settings.apiUrl !== null) return settings;
    throw new AppError("invalid_config", "The settings name no Prefect API URL.", {
      hint: "Name the instance: --instance URL",
    });
  }
  const url = normaliseApiUrl(asked);
  if (url === null) throw new AppError("invalid_input", sentence`--instance ${quote(asked)} is not a URL.`);
  return { ...settings, apiUrl: url };
}

/**
 * Deletes a record and its damaged files that were moved aside. `first`: the file of the first server of the same URL. A process that
 * has the record open notices and creates a new one. Its lock file is kept while the lock is held: without it a second process could become the writer.
 */
function removeRecord({ out }: CommandContext, file: string, first: string): number {
  const held = countEvents(file);
  const lock = tryBecomeLeader(first);
  if (!lock) out.note(own("Another process is syncing this instance; it creates a new record."));
  for (const suffix of ["-wal", "-shm", ""]) rmSync(file + suffix, { force: true });
  for (const aside of filesAside(file)) rmSync(aside, { force: true });
  setCurrentRecordFile(first, first);
  lock?.release();
  if (lock) for (const one of [`${first}.lock`, `${first}.setup`, `${file}.setup`]) rmSync(one, { force: true });
  return held;
}

function countEvents(file: string): number {
  try {
    const db = openRecord(file, "read");
    try {
      return findEventRange(db)?.count ?? 0;
    } finally {
      db.close();
    }
  } catch {
    // A damaged record, or one of a newer version, can still be deleted.
    return 0;
  }
}

async function removeBefore(
  { logger, signal }: CommandContext,
  settings: Settings,
  file: string,
  beforeUs: number,
): Promise<number> {
  const db = openRecord(file, "write");
  const session = openSyncSession({ settings, version: VERSION, clock: systemClock, logger, db });
  try {
    return await session.forget(beforeUs, signal);
  } finally {
    session.close();
    db.close();
  }
}

interface ForgetReport {
  readonly instance: string;
  readonly file: string;
  readonly removed_events: number;
  readonly freed_bytes: number;
}

function report({ invocation, out }: CommandContext, done: ForgetReport, what: Sentence): number {
  const { instance, removed_events, freed_bytes } = done;
  if (invocation.switches.has("json")) out.json(done);
  else
    out.line(
      sentence`${what} of ${asPlace(instance)}: ${counted(removed_events, "event")}, ${figure(freed_bytes / 1e6, 1)} MB freed.`,
    );
  return 0;
}
