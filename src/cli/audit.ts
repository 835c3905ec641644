import { recordFileOf } from "../app/connection.ts";
import { fatalProblem } from "../app/settings-source.ts";
import { openSyncSession } from "../app/sync-session.ts";
import { VERSION } from "../app/version.ts";
import { systemClock } from "../lib/clock.ts";
import { asPlace, counted, type Line, oneLine, type Sentence, sentence } from "../lib/shown-text.ts";
import { onServerClock } from "../lib/time.ts";
import { coveredRanges } from "../store/coverage.ts";
import { openRecord } from "../store/database.ts";
import type { AuditBucket, AuditReport } from "../sync/audit.ts";
import { chosenSettings } from "./arguments/chosen-settings.ts";
import type { CommandContext } from "./command.ts";
import { writeProblem } from "./doctor/files.ts";
import { momentFlag } from "./sync.ts";

/** Compares the record with Prefect, repairs it and prints a report. Exit code 1 when a difference stays unexplained. */
export async function runAudit(ctx: CommandContext): Promise<number> {
  const { invocation, out, logger, signal } = ctx;
  const sinceUs = momentFlag(invocation.values.since, "since", onServerClock(systemClock.nowUs(), 0));
  const resolved = (await chosenSettings(ctx)).current();
  const problem = fatalProblem(resolved.problems);
  const obstacle = problem ?? writeProblem(resolved.settings.dataDir);
  if (obstacle) throw obstacle;
  const fileInUse = () => recordFileOf(resolved.settings, resolved.settings.apiUrl ?? "");
  const before = fileInUse();
  const wasEmpty = isEmpty(before);
  const session = openSyncSession({ settings: resolved.settings, version: VERSION, clock: systemClock, logger });
  try {
    const options = { deep: invocation.switches.has("deep"), ...(sinceUs === null ? {} : { sinceUs }) };
    const report = await session.audit(options, signal);
    const isOther = fileInUse() !== before;
    const note = isOther ? otherServerNote(before) : wasEmpty ? emptyNote(report) : null;
    if (invocation.switches.has("json")) out.json({ ...report, note });
    else out.lines([...reportLines(report), ...(note === null ? [] : [note])]);
    return report.unexplained === 0 ? 0 : 1;
  } finally {
    session.close();
  }
}

/** Whether the record has no coverage. Asked before the audit, because the audit starts with a catch-up. */
function isEmpty(file: string): boolean {
  try {
    const db = openRecord(file, "read");
    try {
      return coveredRanges(db, "event", "").length === 0;
    } finally {
      db.close();
    }
  } catch {
    // There is no file yet, or a damaged one that the session moves aside.
    return true;
  }
}

function emptyNote({ from }: AuditReport): Sentence {
  return sentence`Nothing was recorded before this audit, so there was nothing to compare: the record counts from ${asPlace(from)} on. \`sync --since 7d\` fetches what was before.`;
}

function otherServerNote(former: string): Sentence {
  return sentence`At this URL another server answers than the one that was recorded. This audit is of the record of the other server; that of the former one is kept in ${asPlace(former)}.`;
}

const VERDICTS: Record<AuditBucket["verdict"], string> = {
  equal: "equal",
  repaired: "repaired",
  record_holds_more: "the record holds more (Prefect lost them or never stored them)",
  server_retention: "Prefect has deleted them by age",
  unexplained: "UNEXPLAINED",
};

/** Hours without events in Prefect and in the record are left out. */
function reportLines(report: AuditReport): Line[] {
  const { instance, from, to, server, record, repaired, unexplained, sample } = report;
  const busy = report.buckets.filter((bucket) => bucket.server > 0 || bucket.record > 0);
  const rows = busy.map((bucket) => {
    const figures = [bucket.server, bucket.record, bucket.repaired].map((n) => String(n).padStart(9)).join(" ");
    return oneLine(
      `${bucket.from.slice(0, 16)}Z ${figures}  ${VERDICTS[bucket.verdict]}${bucket.ids_compared ? ", ids compared" : ""}`,
    );
  });
  return [
    sentence`Audit of ${asPlace(instance)}, ${asPlace(from)} to ${asPlace(to)}, as of ${asPlace(report.verified_at)}`,
    oneLine(
      `${"hour".padEnd(17)} ${["server", "record", "repaired"].map((name) => name.padStart(9)).join(" ")}  verdict`,
    ),
    ...rows,
    oneLine(`${"all".padEnd(17)} ${[server, record, repaired].map((n) => String(n).padStart(9)).join(" ")}`),
    sentence`Ids compared in ${sample.buckets} of ${counted(sample.of, "bucket")}. ${unexplained === 0 ? "Nothing is unexplained." : sentence`${counted(unexplained, "event is", "events are")} unexplained.`}`,
  ];
}
