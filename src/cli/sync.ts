import { fatalProblem } from "../app/settings-source.ts";
import { openSyncSession } from "../app/sync-session.ts";
import { VERSION } from "../app/version.ts";
import type { Settings } from "../config/settings.ts";
import { AppError } from "../errors.ts";
import { systemClock } from "../lib/clock.ts";
import { readMoment } from "../lib/named-moment.ts";
import { asName, asPlace, own, sentence } from "../lib/shown-text.ts";
import { onServerClock, type ServerUs } from "../lib/time.ts";
import { chosenSettings } from "./arguments/chosen-settings.ts";
import { UsageError } from "./arguments/usage-error.ts";
import type { CommandContext } from "./command.ts";
import { writeProblem } from "./doctor/files.ts";
import { createProgressView } from "./terminal/progress.ts";

/** Fills the record and, without `--once`, keeps it up to date. After an interruption the next run continues. */
export async function runSync(ctx: CommandContext): Promise<number> {
  const { invocation, out, logger, signal } = ctx;
  const nowUs = systemClock.nowUs();
  const sinceUs = momentFlag(invocation.values.since, "since", onServerClock(nowUs, 0));
  const settings = withHistory(await usableSettings(ctx), sinceUs === null ? null : nowUs - sinceUs);
  const problem = writeProblem(settings.dataDir);
  if (problem) throw problem;
  const view = createProgressView(out);
  const session = openSyncSession({ settings, version: VERSION, clock: systemClock, logger });
  try {
    const isOnce = invocation.switches.has("once");
    const pass = session.once(
      sinceUs === null ? {} : { sinceUs },
      (progress) => view.show(progress, systemClock.steadyMs()),
      signal,
    );
    const outage = isOnce ? await pass : await pass.catch((error: unknown) => retryableOrThrow(error));
    view.end();
    if (isOnce || signal.aborted) return 0;
    if (outage) out.note(sentence`${outage.sentence} Trying again until interrupted.`);
    else out.line(own("The record is caught up; following Prefect until interrupted."));
    await session.run(signal);
    return 0;
  } finally {
    view.end();
    session.close();
  }
}

/** Retryable errors are returned, because following continues through an outage; all others are thrown. */
function retryableOrThrow(error: unknown): AppError {
  if (error instanceof AppError && error.retryable) return error;
  throw error;
}

/** The settings of this command. Throws AppError where one of them makes syncing impossible. */
export async function usableSettings(ctx: CommandContext): Promise<Settings> {
  const { settings, problems } = (await chosenSettings(ctx)).current();
  const problem = fatalProblem(problems);
  if (problem) throw problem;
  return settings;
}

/** The moment that a flag such as `--since 7d` names, in microseconds; null without the flag. Throws UsageError. */
export function momentFlag(text: string | undefined, flag: string, nowUs: ServerUs): ServerUs | null {
  if (text === undefined) return null;
  const read = readMoment(text, nowUs, flag === "since" ? "start" : "past");
  if (read !== undefined && "us" in read && read.us <= nowUs) return read.us;
  const isFuture = read !== undefined && "us" in read;
  const why = isFuture ? sentence`is in the future` : (read?.problem ?? sentence`is neither a time nor a span`);
  throw new UsageError(
    sentence`${asPlace(`--${flag}`)} ${asName(text)} ${why}.`,
    sentence`${read !== undefined && "write" in read ? sentence`${read.write} ` : ""}Examples: ${asPlace(`--${flag}`)} 7d, ${asPlace(`--${flag}`)} 2026-01-31T09:00:00Z`,
  );
}

function withHistory(settings: Settings, backfillUs: number | null): Settings {
  return backfillUs === null ? settings : { ...settings, sync: { ...settings.sync, backfillUs } };
}
