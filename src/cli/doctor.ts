import { openApp } from "../app/app.ts";
import { recordFileOf } from "../app/connection.ts";
import { settingsFromFiles } from "../app/settings-source.ts";
import { toolProblems } from "../app/tool-settings.ts";
import { VERSION } from "../app/version.ts";
import { systemClock } from "../lib/clock.ts";
import { silentLogger } from "../lib/logger.ts";
import { changedServerNote, isOtherServer } from "../queries/source/other-server.ts";
import type { CommandContext } from "./command.ts";
import { checkSetup, exitCodeOf } from "./doctor/checks.ts";
import { doctorJson, doctorLines } from "./doctor/text.ts";
import { readStatus } from "./read-status.ts";

/** Checks settings, connection, files and record, and prints for each problem how to solve it. */
export async function runDoctor({ invocation, out, entry, signal }: CommandContext): Promise<number> {
  const settings = settingsFromFiles(invocation.settings, systemClock);
  // No log: the report lists the same problems.
  await using app = openApp({ settings, entry, version: VERSION, clock: systemClock, logger: silentLogger });
  const found = app.settings;
  const resolved = { ...found, problems: [...found.problems, ...toolProblems(found.settings)] };
  const { apiUrl } = resolved.settings;
  const recordFile = apiUrl === null ? null : recordFileOf(resolved.settings, apiUrl);
  const report = await checkSetup({
    resolved,
    clock: systemClock,
    signal,
    api: apiUrl === null ? null : app.query().api(),
    recordFile,
    isOtherServer: () => isOtherServer(app.query()),
    serverNote: () => changedServerNote(app.query()),
    readRecord: () => readStatus(app.query(), recordFile ?? ""),
  });
  if (invocation.switches.has("json")) out.json(doctorJson(report));
  else out.lines(doctorLines(report));
  return exitCodeOf(report);
}
