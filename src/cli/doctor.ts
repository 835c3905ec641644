import { existsSync } from "node:fs";
import { openApp } from "../app/app.ts";
import { recordFileOf } from "../app/connection.ts";
import { toolProblems } from "../app/tool-settings.ts";
import { VERSION } from "../app/version.ts";
import { readEnvironment } from "../config/env.ts";
import { loadSettings } from "../config/load-settings.ts";
import type { ResolvedSettings } from "../config/settings.ts";
import { systemClock } from "../lib/clock.ts";
import { silentLogger } from "../lib/logger.ts";
import { changedServerNote, isOtherServer } from "../queries/source/other-server.ts";
import { chosenSettings } from "./arguments/chosen-settings.ts";
import type { CommandContext } from "./command.ts";
import { checkSetup, exitCodeOf } from "./doctor/checks.ts";
import { checkConfiguredClients } from "./doctor/configured-clients.ts";
import { readStatus } from "./doctor/read-status.ts";
import { checkRoundTrip } from "./doctor/round-trip.ts";
import { doctorJson, doctorLines } from "./doctor/text.ts";
import { programWords } from "./setup/launch.ts";

/** Checks settings, connection, files and record, and prints for each problem how to solve it. */
export async function runDoctor(ctx: CommandContext): Promise<number> {
  const { invocation, out, entry, signal } = ctx;
  const environment = readEnvironment();
  const flags = invocation.settings;
  const machine = { ...environment, exists: existsSync, which: () => null };
  const words = programWords({ executable: process.execPath, entry, real: (path) => path }, machine);
  const roundTrip = (here: ResolvedSettings) =>
    checkRoundTrip({
      ...environment,
      command: [...words, ...Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value])],
      clock: systemClock,
      signal,
      here,
      settingsWith: (env) => loadSettings({ ...environment, env, flags, cwd: environment.home }),
    });
  const settings = await chosenSettings(ctx);
  // No log: the report lists the same problems.
  await using app = openApp({ settings, entry, version: VERSION, clock: systemClock, logger: silentLogger });
  const found = app.settings;
  const resolved = { ...found, problems: [...found.problems, ...toolProblems(found.settings)] };
  const { apiUrl } = resolved.settings;
  const recordFile = apiUrl === null ? null : recordFileOf(resolved.settings, apiUrl);
  const checked = await checkSetup({
    resolved,
    clock: systemClock,
    signal,
    api: apiUrl === null ? null : app.query().api(),
    recordFile,
    isOtherServer: () => isOtherServer(app.query()),
    serverNote: () => changedServerNote(app.query()),
    readRecord: () => readStatus(app.query(), recordFile ?? ""),
  });
  const clients = [
    ...(await roundTrip(resolved)),
    ...(await checkConfiguredClients({ machine, command: words, clock: systemClock, signal })),
  ];
  const report = { ...checked, findings: [...checked.findings, ...clients] };
  if (invocation.switches.has("json")) out.json(doctorJson(report));
  else out.lines(doctorLines(report));
  return exitCodeOf(report);
}
