/** The checks of `doctor`, the most important first. They write neither to Prefect nor to the record. */

import type { ResolvedSettings, SettingProblem, Settings, SettingValue } from "../../config/settings.ts";
import { type AppError, toAppError } from "../../errors.ts";
import type { Clock } from "../../lib/clock.ts";
import {
  asName,
  asPlace,
  asReason,
  counted,
  figure,
  joined,
  own,
  type Sentence,
  sentence,
} from "../../lib/shown-text.ts";
import { isOlderVersion, LEAST_VERSION } from "../../model/prefect-version.ts";
import type { PrefectApi } from "../../prefect/api.ts";
import { unsupportedVersion } from "../../prefect/older-servers/server-version.ts";
import { unknownCriteriaOf } from "../../prefect/older-servers/unknown-criteria.ts";
import { skewMsOf } from "../../prefect/transport/server-offset.ts";
import { OTHER_SERVER_NOTE } from "../../queries/source/other-server.ts";
import { type RecordStatus, walProblem } from "../../queries/workspace/record-status.ts";
import { duration } from "../terminal/progress.ts";
import { checkFiles } from "./files.ts";
import type { DoctorFinding } from "./finding.ts";

export interface DoctorReport {
  readonly settings: readonly SettingValue[];
  readonly findings: readonly DoctorFinding[];
}

export interface DoctorDeps {
  readonly resolved: ResolvedSettings;
  /** Null when the settings name no usable API. */
  readonly api: PrefectApi | null;
  /** Path of the record, whether the file exists or not; null without an API URL. */
  readonly recordFile: string | null;
  /** Throws AppError when the record exists but cannot be opened. */
  readRecord(): RecordStatus;
  /** Whether another server answers than the recorded one. Never throws. */
  isOtherServer(): Promise<boolean>;
  /** States that the server was another one until lately. */
  serverNote(): Sentence | null;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const CALL_WITHIN_MS = 8000;
const SOCKET_WITHIN_MS = 8000;
/** The engine corrects for the skew; people who compare times do not. */
const SKEW_LIMIT_MS = 5000;

export function exitCodeOf({ findings }: DoctorReport): 0 | 1 {
  return findings.some(({ level }) => level === "fix") ? 1 : 0;
}

export async function checkSetup(deps: DoctorDeps): Promise<DoctorReport> {
  const { resolved, api, recordFile } = deps;
  return {
    settings: resolved.values,
    findings: [
      ...checkSettings(resolved),
      ...(api ? await checkApi(api, deps) : [notAsked()]),
      ...checkFiles(resolved.settings.dataDir, recordFile, resolved.settings.sync.retentionBytes),
      ...(recordFile === null ? [] : checkRecord(deps)),
    ],
  };
}

function notAsked(): DoctorFinding {
  return {
    level: "fix",
    area: "api",
    what: own("No request is sent to Prefect while the settings are wrong."),
    fix: own("Correct the settings named above."),
  };
}

function settingFinding({ level, message, fix }: SettingProblem): DoctorFinding {
  return { level: level === "fatal" ? "fix" : "warn", area: "settings", what: message, fix };
}

function isLoopback(url: string): boolean {
  return /^https?:\/\/(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:|\/|$)/.test(url);
}

function checkSettings({ settings, problems }: ResolvedSettings): DoctorFinding[] {
  const findings = problems.map(settingFinding);
  const { apiUrl, auth, tls, apiUrlOrigin } = settings;
  if (apiUrl?.startsWith("http:") && !isLoopback(apiUrl) && auth.kind !== "none") {
    const what = sentence`Credentials are sent unencrypted to ${asPlace(apiUrl)}.`;
    findings.push({ level: "warn", area: "settings", what, fix: own("Use an https API URL.") });
  }
  if (apiUrl?.startsWith("https:") && tls.insecure) {
    const what = own("The server's certificate is not checked (PREFECT_API_TLS_INSECURE_SKIP_VERIFY).");
    const fix = own("Name its certificate authority in PREFECT_API_SSL_CERT_FILE instead.");
    findings.push({ level: "warn", area: "settings", what, fix });
  }
  if (apiUrl !== null && problems.length === 0) {
    findings.unshift({
      level: "ok",
      area: "settings",
      what: sentence`The API URL is ${asPlace(apiUrl)} (${asPlace(apiUrlOrigin)}).`,
    });
  }
  return findings;
}

function failed(
  area: DoctorFinding["area"],
  error: unknown,
  fallbackFix: Sentence,
  level: DoctorFinding["level"] = "fix",
): DoctorFinding {
  const known = toAppError(error);
  return { level, area, what: known.sentence, fix: known.ownHint ?? fallbackFix };
}

async function attempt<T>(call: () => Promise<T>): Promise<{ value: T } | { error: AppError }> {
  try {
    return { value: await call() };
  } catch (error) {
    return { error: toAppError(error) };
  }
}

async function checkApi(api: PrefectApi, deps: DoctorDeps): Promise<DoctorFinding[]> {
  const { resolved, clock, signal } = deps;
  const { settings } = resolved;
  const options = { signal, deadlineMs: CALL_WITHIN_MS, retries: 0 };
  const startMs = clock.steadyMs();
  const health = await attempt(() => api.readHealth(options));
  if ("error" in health && health.error.code !== "not_found" && health.error.code !== "unauthorized") {
    return [
      failed(
        "api",
        health.error,
        sentence`Start Prefect, or correct PREFECT_API_URL (${asPlace(settings.apiUrlOrigin)}).`,
      ),
    ];
  }
  const tookMs = Math.round(clock.steadyMs() - startMs);
  const version = settings.isCloud ? null : await attempt(() => api.readVersion(options));
  if (version && "value" in version && isOlderVersion(version.value, LEAST_VERSION))
    return [failed("api", unsupportedVersion(version.value), own(""))];
  const access = await attempt(() => api.filterObjects("flow", { limit: 1 }, options));
  const product: DoctorFinding | null = version
    ? versionFinding(version, access)
    : { level: "ok", area: "api", what: own("It is Prefect Cloud.") };
  const findings: DoctorFinding[] = [
    { level: "ok", area: "api", what: sentence`Prefect answers at ${asPlace(api.url)} (${tookMs} ms).` },
    ...(product ? [product] : []),
    ...(version && "value" in version ? lackFindings(version.value) : []),
    accessFinding(access, settings),
  ];
  if ("error" in access) return findings;
  return [
    ...findings,
    ...((await deps.isOtherServer()) ? [otherServerFinding()] : changedServerFindings(deps.serverNote())),
    await checkSocket(api, deps),
    // One answer with an earlier time may have an old header: it is no finding.
    ...skewFindings(api.serverOffset ? skewMsOf({ ...api.serverOffset, disputed: null }, clock) : null),
  ];
}

function changedServerFindings(what: Sentence | null): DoctorFinding[] {
  if (what === null) return [];
  const fix = own("If that was not meant, correct PREFECT_API_URL or the port that is forwarded.");
  return [{ level: "warn", area: "record", what, fix }];
}

function otherServerFinding(): DoctorFinding {
  return {
    level: "fix",
    area: "record",
    what: OTHER_SERVER_NOTE,
    fix: own(
      "If this server is the wrong one, correct PREFECT_API_URL or the port that is forwarded. If it is the right one, a process that syncs (`serve`, `prefect-mcp-bun sync`) begins its record within a minute and keeps the former one.",
    ),
  };
}

type Attempt<T> = { readonly value: T } | { readonly error: AppError };

function versionFinding(version: Attempt<string>, access: Attempt<unknown>): DoctorFinding | null {
  if ("error" in version) {
    // The credentials are refused for every request: the finding about credentials reports it.
    if ("error" in access && access.error.code === version.error.code) return null;
    return failed("api", version.error, own("Check that the API URL is Prefect's own."), "warn");
  }
  return { level: "ok", area: "api", what: sentence`It is Prefect ${asName(version.value)}.` };
}

/** Before it, Prefect has no text filter of events, and they are read and searched here. */
const SEARCHES_EVENTS_SINCE = "3.4.20";

function lackFindings(version: string): DoctorFinding[] {
  const lacks = unknownCriteriaOf(version);
  if (lacks.length === 0) return [];
  const searched = isOlderVersion(version, SEARCHES_EVENTS_SINCE) ? [own("events by text")] : [];
  return [
    {
      level: "warn",
      area: "api",
      what: sentence`Prefect ${asName(version)} cannot filter ${joined([...lacks, ...searched], ", ")}. Where the record does not suffice, all rows are read and filtered here, which takes longer.`,
      fix: own("Upgrade the server, or keep the record in sync."),
    },
  ];
}

const SHOWN_AUTH = { key: "the API key", basic: "the auth string", none: "no credentials" } as const;

function accessFinding(access: Attempt<unknown>, { auth }: Settings): DoctorFinding {
  if ("value" in access)
    return { level: "ok", area: "api", what: sentence`Reading is allowed with ${SHOWN_AUTH[auth.kind]}.` };
  return failed("api", access.error, own("Check PREFECT_API_KEY or PREFECT_API_AUTH_STRING."));
}

async function checkSocket(api: PrefectApi, { resolved, clock, signal }: DoctorDeps): Promise<DoctorFinding> {
  if (!resolved.settings.sync.stream) {
    return {
      level: "ok",
      area: "websocket",
      what: own("The websocket is switched off (PREFECT_MCP_STREAM); Prefect is polled instead."),
    };
  }
  const ending = new AbortController();
  const over = AbortSignal.any([signal, ending.signal]);
  const startMs = clock.steadyMs();
  const stream = api.openEventStream({}, over);
  const timeout = clock.sleep(SOCKET_WITHIN_MS, over).then(() => "late" as const);
  const opened = await attempt(() => Promise.race([stream.ready, timeout]));
  const tookMs = Math.round(clock.steadyMs() - startMs);
  stream.close();
  ending.abort();
  const meanwhile = own("Until then Prefect is polled, which is slower.");
  if ("error" in opened) {
    const fix = sentence`${opened.error.ownHint ?? "Allow websockets in the proxy between here and Prefect."} ${meanwhile}`;
    return { level: "warn", area: "websocket", what: opened.error.sentence, fix };
  }
  if (opened.value === "late") {
    const what = sentence`The websocket did not open within ${SOCKET_WITHIN_MS / 1000} s.`;
    return {
      level: "warn",
      area: "websocket",
      what,
      fix: sentence`Allow websockets in the proxy between here and Prefect. ${meanwhile}`,
    };
  }
  return { level: "ok", area: "websocket", what: sentence`The websocket opens (${tookMs} ms).` };
}

function skewFindings(skewMs: number | null): DoctorFinding[] {
  if (skewMs === null) return [];
  const seconds = Math.abs(skewMs / 1000);
  if (Math.abs(skewMs) <= SKEW_LIMIT_MS) {
    return [
      {
        level: "ok",
        area: "clock",
        what: sentence`The clocks of Prefect and of this machine agree (within ${Math.max(2, Math.ceil(seconds))} s).`,
      },
    ];
  }
  const what = sentence`Prefect's clock is ${figure(seconds, 1)} s ${skewMs > 0 ? "ahead of" : "behind"} the clock of this machine.`;
  return [
    {
      level: "warn",
      area: "clock",
      what,
      fix: own("Set the wrong clock; until then ages are corrected by the difference."),
    },
  ];
}

const WAL_FIX = own(
  "End that transaction, or that program (`lsof` and `fuser` on the file show who has it open); the log then shrinks by itself.",
);

function checkRecord({ readRecord }: DoctorDeps): DoctorFinding[] {
  let status: RecordStatus;
  try {
    status = readRecord();
  } catch (error) {
    return [failed("record", error, own("Move the file away; the next sync builds it again from Prefect."))];
  }
  if (status.file === null) {
    const what = own(
      "Nothing is recorded yet; a client that runs `serve`, or `prefect-mcp-bun sync`, fills the record.",
    );
    return [{ level: "ok", area: "record", what }];
  }
  const lag =
    status.lagMs === null
      ? "no range is complete yet"
      : sentence`complete up to ${asReason(duration(status.lagMs))} ago`;
  const who = ({ self: "this process", other: "another process", none: "no process" } as const)[status.syncing];
  const what = sentence`The record holds ${counted(status.events, "event")}, ${lag}; ${own(who)} is syncing it.`;
  const { lastError } = status;
  const last =
    lastError && status.syncing !== "none"
      ? sentence` Its last error was ${asName(lastError.code)}: ${asReason(lastError.message)}`
      : "";
  const wal = walProblem(status);
  return [
    { level: "ok", area: "record", what: sentence`${what}${last}` },
    ...(wal === null ? [] : [{ level: "warn", area: "record", what: wal, fix: WAL_FIX } as const]),
  ];
}
