/** Starts this program as a client does, without the environment of the shell and in another folder, and calls a tool. */

import type { ResolvedSettings } from "../../config/settings.ts";
import type { Clock } from "../../lib/clock.ts";
import { isJsonObject, parseJson } from "../../lib/exact-json.ts";
import { asPlace, asReason, own, sentence } from "../../lib/shown-text.ts";
import { systemReason } from "../../lib/system-errors.ts";
import type { DoctorFinding } from "./finding.ts";

/** Clients give up after 10 to 60 s. */
const WITHIN_MS = 20_000;
/** It answers from the record alone, whether there is one or not, and whether Prefect answers or not. */
const TOOL = "get_record_status";
/** What programs need to run at all; the same as the MCP SDK's clients pass. */
const PASSED =
  /^(HOME|PATH|USER|LOGNAME|SHELL|TERM|USERPROFILE|APPDATA|LOCALAPPDATA|SYSTEMROOT|SYSTEMDRIVE|TEMP|TMP|PROGRAMFILES)$/i;

export interface RoundTrip {
  /** The words that start `serve`. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Where the client is. */
  readonly home: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The settings in this shell, and those of a server with that environment. */
  readonly here: ResolvedSettings;
  settingsWith(env: Readonly<Record<string, string>>): ResolvedSettings;
}

/** What every client passes to a server. */
export function bareEnvironment(env: RoundTrip["env"]): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => PASSED.test(name)));
}

export async function checkRoundTrip(trip: RoundTrip): Promise<DoctorFinding[]> {
  const env = bareEnvironment(trip.env);
  return [await checkAnswer(trip, env), ...checkSame(trip, trip.settingsWith(env))];
}

/** A client that passes no variables must not ask another Prefect, or with other credentials, than this shell. */
function checkSame({ here }: RoundTrip, there: ResolvedSettings): DoctorFinding[] {
  const isSameUrl = here.settings.apiUrl === there.settings.apiUrl;
  if (isSameUrl && Bun.deepEquals(here.settings.auth, there.settings.auth)) return [];
  const url = asPlace(there.settings.apiUrl ?? "no API URL");
  const what = isSameUrl
    ? own("Clients that pass no variables to the server ask Prefect without the credentials of this shell.")
    : sentence`Clients that pass no variables to the server ask another Prefect than this shell: ${url}.`;
  const fix = own(
    "Save the settings in a profile (`prefect config set`), or add the server with `prefect-mcp-bun setup`, which writes the URL down.",
  );
  return [{ level: "warn", area: "client", what, fix }];
}

async function checkAnswer(trip: RoundTrip, env: Readonly<Record<string, string>>): Promise<DoctorFinding> {
  const { command, home, clock, signal } = trip;
  const startMs = clock.steadyMs();
  const problem = await callOnce(command, { env, cwd: home, clock, signal });
  const tookMs = Math.round(clock.steadyMs() - startMs);
  if (problem === null) {
    const what = sentence`A client can start the server: it answers a tool call ${tookMs} ms after its start.`;
    return { level: "ok", area: "client", what };
  }
  const line = asPlace(command.join(" "));
  return {
    level: "fix",
    area: "client",
    what: sentence`Started as a client does (${line}), the server does not answer: ${asReason(problem)}.`,
    fix: own("Run that command in the home folder: it prints why on stderr."),
  };
}

interface Start {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const REQUESTS = [
  {
    id: 1,
    method: "initialize",
    params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "doctor", version: "1" } },
  },
  { method: "notifications/initialized" },
  { id: 2, method: "tools/call", params: { name: TOOL, arguments: {} } },
];

/** Why there was no answer; null when there was one. The process does not sync, and has ended then. */
export async function callOnce(
  command: readonly string[],
  { cwd, clock, signal, ...start }: Start,
): Promise<string | null> {
  const ending = new AbortController();
  try {
    const env = { ...start.env, PREFECT_MCP_SYNC: "false" };
    const child = Bun.spawn([...command], { env, cwd, stdio: ["pipe", "pipe", "ignore"] });
    const late = clock
      .sleep(WITHIN_MS, AbortSignal.any([signal, ending.signal]))
      .then(() => `nothing came within ${WITHIN_MS / 1000} s`);
    for (const request of REQUESTS) child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...request })}\n`);
    await child.stdin.flush();
    const problem = await Promise.race([answered(child.stdout), late]);
    await child.stdin.end();
    if (problem !== null || typeof (await Promise.race([child.exited, late])) === "string") child.kill();
    await child.exited;
    return problem;
  } catch (error) {
    return systemReason(error) ?? "it could not be started";
  } finally {
    ending.abort();
  }
}

/** Reads until the answer of the tool. */
async function answered(stdout: ReadableStream<Uint8Array>): Promise<string | null> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stdout) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const message = parsed(line);
      if (message === null) return "it printed something else than the protocol on stdout";
      if (message.id === 2) return isJsonObject(message.result) ? null : "the tool call was refused";
    }
  }
  return "it ended without an answer";
}

function parsed(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const message = parseJson(line);
    return isJsonObject(message) ? message : null;
  } catch {
    return null;
  }
}
