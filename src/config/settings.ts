/** The settings as the program uses them. Only `loadSettings` (load-settings.ts) creates them from files, variables and flags. */

import type { LogLevel } from "../lib/logger.ts";
import type { Sentence } from "../lib/shown-text.ts";
import type { FleetSettings } from "../model/fleet-settings.ts";
import type { PrefectAuth } from "../model/prefect-auth.ts";
import type { SyncSettings } from "../model/sync-settings.ts";

export interface HttpSettings {
  readonly host: string;
  readonly port: number;
  /** Bearer tokens, one of which a caller must send; empty: none is required. */
  readonly tokens: readonly string[];
  /** Issuer of access tokens that are accepted, too; null without one. */
  readonly oidc: {
    readonly issuer: string;
    /** Null when it is not set; `serve --http` refuses to start then. */
    readonly audience: string | null;
    readonly jwksUrl: string;
    readonly scopes: readonly string[];
  } | null;
  /** Names accepted in `Host`, besides the bind address. */
  readonly allowedHosts: readonly string[];
  /** Browser origins accepted, besides the server's own. */
  readonly allowedOrigins: readonly string[];
  /** API URLs (or prefixes ending in `*`), origins, hosts and `*.domains` that a header may name; empty: any public https host. */
  readonly allowedTargets: readonly string[];
  /** Time after which a caller's credentials are checked with Prefect again. */
  readonly recheckMs: number;
  /** While Prefect is unreachable, a caller whose credentials it accepted within this time is served from the record. */
  readonly proofMs: number;
  /** A tenant without calls stops syncing and closes its file after this time. */
  readonly idleMs: number;
  readonly maxTenants: number;
  /** All tenants' records together, bytes; 0 = no limit. */
  readonly maxDiskBytes: number;
  readonly maxBodyBytes: number;
  /** Per caller. */
  readonly requestsPerSecond: number;
  /** Requests that are answered at the same time, per caller. */
  readonly maxConcurrent: number;
  /** Collector of spans (OTLP over HTTP); null: no spans. */
  readonly otlpEndpoint: string | null;
  readonly tlsCertFile: string | null;
  readonly tlsKeyFile: string | null;
}

export interface Settings {
  /** Normalised (no trailing slash, no credentials); null while there is a fatal problem. */
  readonly apiUrl: string | null;
  /** The source of the URL as text: `environment PREFECT_API_URL`, `profile "x" in /…/profiles.toml`, `default (…)`. */
  readonly apiUrlOrigin: string;
  /** True in settings derived for a Prefect that a caller named. */
  readonly isNamedByCaller?: boolean;
  readonly auth: PrefectAuth;
  readonly customHeaders: Readonly<Record<string, string>>;
  readonly csrf: boolean;
  readonly requestTimeoutMs: number;
  readonly maxRetries: number;
  readonly retryJitterFactor: number;
  readonly retryExtraCodes: readonly number[];
  readonly tls: { readonly insecure: boolean; readonly caFile: string | null };
  readonly proxy: { readonly http: string | null; readonly https: string | null; readonly noProxy: readonly string[] };
  /** Base of UI links without trailing slash. */
  readonly uiUrl: string | null;
  readonly isCloud: boolean;
  readonly cloudApiUrl: string;
  /** Name of the active profile; null without one (no file, test mode, file that cannot be read). */
  readonly profile: string | null;
  /** Absolute path of the folder that holds the records. */
  readonly dataDir: string;
  readonly sync: SyncSettings & { readonly enabled: boolean };
  /** Names of workspaces that are followed beside the active one. */
  readonly follow: readonly string[];
  readonly freshMs: number;
  readonly liveDeadlineMs: number;
  readonly logLevel: LogLevel;
  readonly tools: { readonly preset: string; readonly allow: readonly string[]; readonly deny: readonly string[] };
  /** Of `watch --webhook`. */
  readonly webhook: { readonly secret: string | null; readonly allowedHosts: readonly string[] };
  /** Words of `PREFECT_MCP_WRITES`, which `readPermissions` reads. Empty: nothing may be changed. */
  readonly writes: readonly string[];
  /** Absolute path of the file in which every change, preview and refusal is noted; the same for all tenants. */
  readonly actionLogFile: string;
  /** Whether questions about Prefect's documentation may be sent to `docsUrl`. */
  readonly docs: boolean;
  readonly docsUrl: string;
  readonly http: HttpSettings;
  /** Null: this process belongs to no fleet. */
  readonly fleet: FleetSettings | null;
}

export interface SettingValue {
  readonly name: string;
  /** The value as text, secrets masked. */
  readonly shown: string;
  readonly origin: string;
  readonly isDefault: boolean;
}

export interface SettingProblem {
  /** `fatal`: no request is sent to Prefect until it is fixed. */
  readonly level: "fatal" | "warning";
  /** One sentence: what is wrong. Never holds a secret. */
  readonly message: Sentence;
  /** The file or variable at fault. */
  readonly where: string;
  /** One sentence: what to do. */
  readonly fix: Sentence;
}

export interface ResolvedSettings {
  readonly settings: Settings;
  readonly values: readonly SettingValue[];
  readonly problems: readonly SettingProblem[];
  /** Names of the profiles in the profiles file that have an API URL, in its order. */
  readonly profiles: readonly string[];
  /** Every file that may hold settings, existing or not. */
  readonly files: readonly string[];
  /** `settingsFingerprint(files)` from before the files were read. When it differs, the settings must be loaded again. */
  readonly fingerprint: string;
}

export interface SettingsInput {
  /** By flag name without dashes (`profile`, `data-dir`), or by setting name. */
  readonly flags: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly home: string;
  readonly platform: string;
}
