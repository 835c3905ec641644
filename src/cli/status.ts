import { openApp } from "../app/app.ts";
import { firstRecordFileOf, recordFileOf, recordFilesOf } from "../app/connection.ts";
import { VERSION } from "../app/version.ts";
import { systemClock } from "../lib/clock.ts";
import { asPlace, counted, type Line, lineOf, oneLine, own, type Sentence } from "../lib/shown-text.ts";
import { formatIsoSeconds, formatIsoUs, type ServerUs } from "../lib/time.ts";
import type { TimeRange } from "../model/freshness.ts";
import { changedServerNote, isOtherServer, OTHER_SERVER_NOTE } from "../queries/source/other-server.ts";
import { type RecordStatus, rowTexts, walProblem } from "../queries/workspace/record-status.ts";
import { bytesAside, recordBytes } from "../store/file/record-file.ts";
import { recordFilesBeside } from "../store/file/server-records.ts";
import { gapText, isSinceEver, rangeText } from "../tools/answer/range-text.ts";
import { chosenSettings } from "./arguments/chosen-settings.ts";
import type { CommandContext } from "./command.ts";
import { readProblem } from "./doctor/files.ts";
import { readStatus } from "./doctor/read-status.ts";
import { coverageBar } from "./terminal/coverage-bar.ts";
import type { Output } from "./terminal/output.ts";
import { cutPainted, type PaintedLine } from "./terminal/paint.ts";
import { duration } from "./terminal/progress.ts";
import { table } from "./terminal/table.ts";

/**
 * What the record holds. It writes nothing, and asks Prefect only, where nothing syncs, whether it is still the server that was
 * recorded. Throws where the record cannot be read.
 */
export async function runStatus(ctx: CommandContext): Promise<number> {
  const { invocation, out, logger, entry } = ctx;
  const settings = await chosenSettings(ctx);
  await using app = openApp({ settings, entry, version: VERSION, clock: systemClock, logger });
  const query = app.query();
  const problem = readProblem(app.settings.settings.dataDir);
  if (problem) throw problem;
  const file = recordFileOf(app.settings.settings, query.instance);
  const status = readStatus(query, file);
  const first = firstRecordFileOf(app.settings.settings, query.instance);
  const ofServers = recordFilesBeside(first).filter((one) => one !== file);
  const ofInstance = new Set([file, ...ofServers]);
  const others = recordFilesOf(app.settings.settings, query.instance).filter((one) => !ofInstance.has(one));
  const facts = {
    ...statusFacts(status, file, recordBytes(file)),
    another_server: (await isOtherServer(query)) ? OTHER_SERVER_NOTE : changedServerNote(query),
    records_of_other_servers: {
      count: ofServers.length,
      bytes: ofServers.reduce((sum, one) => sum + recordBytes(one), 0),
    },
    damaged_bytes: [file, ...ofServers, ...others].reduce((sum, one) => sum + bytesAside(one), 0),
    records_of_callers: { count: others.length, bytes: others.reduce((sum, one) => sum + recordBytes(one), 0) },
  };
  if (invocation.switches.has("json")) out.json(facts);
  else {
    out.lines(statusLines(status, facts));
    if (out.drawsPictures) out.paint(coveragePicture(status, out));
  }
  return 0;
}

export interface StatusFacts {
  readonly instance: string;
  readonly file: string;
  readonly bytes: number;
  readonly events: number;
  readonly coverage: Readonly<Record<string, readonly { from: string; to: string }[]>>;
  readonly gaps: readonly { from: string; to: string }[];
  readonly lag_ms: number | null;
  readonly syncing: "self" | "other" | "none";
  readonly requests: number;
  readonly last_error: { readonly at: string; readonly code: string; readonly message: string } | null;
  readonly [field: string]: unknown;
}

/** The promised fields first; times as text. Pure. */
export function statusFacts(status: RecordStatus, file: string, bytes: number): StatusFacts {
  const { lastError, requests, backfill } = status;
  return {
    instance: status.instance,
    file,
    bytes,
    events: status.events,
    coverage: Object.fromEntries(Object.entries(status.coverage).map(([kind, ranges]) => [kind, ranges.map(isoRange)])),
    gaps: status.gaps.map(isoRange),
    lag_ms: status.lagMs,
    syncing: status.syncing,
    requests: requests?.total ?? 0,
    last_error: lastError && { at: formatIsoUs(lastError.atUs), code: lastError.code, message: lastError.message },
    // The stored figure is of the last syncing process; without one no requests were sent.
    requests_last_minute: status.syncing === "none" ? 0 : (requests?.lastMinute ?? 0),
    prefect_version: status.version,
    reachable: status.reachable,
    last_contact: momentText(status.lastContactUs),
    stream: status.stream,
    oldest_event: momentText(status.oldestUs),
    newest_event: momentText(status.newestUs),
    backfill: backfill && {
      goal: momentText(backfill.goalUs),
      reached: momentText(backfill.reachedUs),
      done: backfill.done,
    },
    rows: status.rows,
    runs_with_logs: status.runsWithLogs,
    wal_bytes: status.walBytes,
  };
}

function statusLines(
  status: RecordStatus,
  facts: StatusFacts & {
    readonly damaged_bytes: number;
    readonly another_server: string | null;
    readonly records_of_other_servers: { readonly count: number; readonly bytes: number };
    readonly records_of_callers: { readonly count: number; readonly bytes: number };
  },
): Line[] {
  const { records_of_callers: callers, records_of_other_servers: ofServers } = facts;
  const damaged =
    facts.damaged_bytes > 0
      ? [
          [
            "Damaged",
            `${(facts.damaged_bytes / 1e6).toFixed(1)} MB moved aside; \`prefect-mcp-bun forget\` removes them`,
          ],
        ]
      : [];
  if (status.file === null) {
    const first = [
      lineOf`Nothing is recorded of ${asPlace(facts.instance)} yet.`,
      lineOf`File: ${asPlace(facts.file)}`,
    ];
    return [...first, ...table(damaged), own("Fill it: prefect-mcp-bun sync")];
  }
  const rows = rowTexts(status.rows);
  return table([
    ["Instance", `${facts.instance}${status.version ? ` (Prefect ${status.version})` : ""}`],
    ...(facts.another_server === null ? [] : [["Server", facts.another_server]]),
    ["File", `${facts.file} (${(facts.bytes / 1e6).toFixed(1)} MB)`],
    ...(ofServers.count > 0
      ? [
          [
            "Other servers",
            `${counted(ofServers.count, "record")} of servers that answered here before, ${(ofServers.bytes / 1e6).toFixed(1)} MB`,
          ],
        ]
      : []),
    [
      "Events",
      `${status.events.toLocaleString("en-US")}${facts.oldest_event ? `, ${facts.oldest_event} to ${facts.newest_event}` : ""}`,
    ],
    ["Other rows", rows.join(", ") || "none"],
    ...listed("Covered", status.coverage.event ?? [], rangeText),
    ...listed("Gaps", status.gaps, gapText),
    ["Lag", status.lagMs === null ? "nothing is covered yet" : duration(status.lagMs)],
    ["Syncing", syncingText(status)],
    ["Requests", requestsText(facts)],
    ...(callers.count > 0
      ? [["Of HTTP callers", `${counted(callers.count, "record")}, ${(callers.bytes / 1e6).toFixed(1)} MB`]]
      : []),
    ...damaged,
    ...(walProblem(status) === null ? [] : [["Problem", walProblem(status) ?? ""]]),
    [
      "Last error",
      facts.last_error ? `${facts.last_error.at} ${facts.last_error.code}: ${facts.last_error.message}` : "none",
    ],
  ]);
}

const LONGEST_BAR = 100;

/** The coverage of events from its beginning, or from the oldest event, to its end. */
function coveragePicture({ coverage, oldestUs }: RecordStatus, { columns, glyphs }: Output): PaintedLine[] {
  const ranges = coverage.event ?? [];
  const firstUs = ranges[0]?.fromUs;
  const toUs = ranges.at(-1)?.toUs;
  const fromUs = firstUs !== undefined && isSinceEver(firstUs) ? (oldestUs as ServerUs | null) : firstUs;
  if (toUs === undefined || fromUs === undefined || fromUs === null) return [];
  const bar = coverageBar(ranges, { fromUs, toUs }, Math.min(columns, LONGEST_BAR), glyphs);
  if (bar.length === 0) return [];
  const { full, half, empty, cut } = glyphs;
  const marks = oneLine(`${full} covered, ${half} in part, ${empty} not`);
  const range = lineOf`${formatIsoSeconds(fromUs)} to ${formatIsoSeconds(toUs)}: ${marks}`;
  return [bar, cutPainted([{ text: range, tone: "quiet" }], columns, oneLine(cut))];
}

function requestsText({ requests, syncing, requests_last_minute: recent }: StatusFacts): string {
  const total = requests.toLocaleString("en-US");
  return syncing === "none" ? `${total}, of the last sync` : `${total} in all, ${String(recent)} in the last minute`;
}

function listed(title: string, ranges: readonly TimeRange[], toText: (range: TimeRange) => Sentence): string[][] {
  if (ranges.length === 0) return [[title, "none"]];
  return ranges.map((range, index) => [index === 0 ? title : "", toText(range)]);
}

function syncingText({ syncing, reachable, stream, backfill }: RecordStatus): string {
  if (syncing === "none") return "no process; start `prefect-mcp-bun sync`, or a client that runs `serve`";
  const parts = [
    syncing === "self" ? "this process" : "another process",
    reachable === false ? "Prefect is unreachable" : `websocket ${stream ?? "unknown"}`,
    ...(backfill && !backfill.done ? ["backfill is running"] : []),
  ];
  return parts.join(", ");
}

function isoRange({ fromUs, toUs }: TimeRange): { from: string; to: string } {
  return { from: formatIsoUs(fromUs), to: formatIsoUs(toUs) };
}

function momentText(us: number | null): string | null {
  return us === null ? null : formatIsoUs(us);
}
