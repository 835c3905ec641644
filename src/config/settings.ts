/** What the rest of the program knows about its settings. `loadSettings` (load-settings.ts) makes it; nothing else reads files or variables. */
import type { LogLevel } from "../lib/logger.ts";
import type { SyncSettings } from "../model/sync-settings.ts";

export type Auth =
  | { readonly kind: "none" }
  | { readonly kind: "key"; readonly key: string }
  | { readonly kind: "basic"; readonly authString: string };

export interface HttpSettings {
  readonly host: string;
  readonly port: number;
  /** Bearer tokens that callers must show one of; empty = none asked. */
  readonly tokens: readonly string[];
  /** Issuer of access tokens that are accepted beside them; null without one. */
  readonly oidc: {
    readonly issuer: string;
    /** Null: not set, which is an error of `serve --http`. */
    readonly audience: string | null;
    readonly jwksUrl: string;
    readonly scopes: readonly string[];
  } | null;
  /** Names accepted in `Host` beside the bind address. */
  readonly allowedHosts: readonly string[];
  /** Browser origins accepted beside the server's own. */
  readonly allowedOrigins: readonly string[];
  /** API URLs (or prefixes ending in `*`), origins, hosts and `*.domains` that callers may name by header; empty: any public https host. */
  readonly allowedTargets: readonly string[];
  /** A caller's credentials are checked against Prefect again after this time. */
  readonly recheckMs: number;
  /** While Prefect is unreachable, a caller proven at most this long ago is served from the record. */
  readonly proofMs: number;
  /** A tenant without calls stops syncing and closes its file after this time. */
  readonly idleMs: number;
  readonly maxTenants: number;
  /** All tenants' records together, bytes; 0 = no limit. */
  readonly maxDiskBytes: number;
  readonly maxBodyBytes: number;
  /** Requests per second and caller. */
  readonly requestsPerSecond: number;
  /** Requests of one caller being answered at a time. */
  readonly maxConcurrent: number;
  /** Collector of spans (OTLP over HTTP); null: no spans. */
  readonly otlpEndpoint: string | null;
  readonly tlsCertFile: string | null;
  readonly tlsKeyFile: string | null;
}

export interface Settings {
  /** Normalised (no trailing slash, no credentials), or null while a fatal problem stands. */
  readonly apiUrl: string | null;
  /** Where the URL came from, for people: `environment PREFECT_API_URL`, `profile "x" in /…/profiles.toml`, `default (…)`. */
  readonly apiUrlOrigin: string;
  /** Set in the settings that are made for a caller's own Prefect. */
  readonly isNamedByCaller?: boolean;
  readonly auth: Auth;
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
  /** Name of the active profile; null when none is (no file, test mode, broken file). */
  readonly profile: string | null;
  /** Absolute path of the folder that holds the records. */
  readonly dataDir: string;
  readonly sync: SyncSettings & { readonly enabled: boolean };
  readonly freshMs: number;
  readonly liveDeadlineMs: number;
  readonly logLevel: LogLevel;
  readonly tools: { readonly preset: string; readonly allow: readonly string[]; readonly deny: readonly string[] };
  /** Whether questions about Prefect's documentation may be sent to `docsUrl`. */
  readonly docs: boolean;
  readonly docsUrl: string;
  readonly http: HttpSettings;
}

export interface SettingValue {
  readonly name: string;
  /** The value as text, secrets masked. */
  readonly shown: string;
  readonly origin: string;
  readonly isDefault: boolean;
}

export interface SettingProblem {
  /** `fatal`: Prefect is not asked until it is fixed. */
  readonly level: "fatal" | "warning";
  /** One sentence: what is wrong. Never holds a secret. */
  readonly message: string;
  /** The file or variable at fault. */
  readonly where: string;
  /** One sentence: what to do. */
  readonly fix: string;
}

export interface ResolvedSettings {
  readonly settings: Settings;
  readonly values: readonly SettingValue[];
  readonly problems: readonly SettingProblem[];
  /** Every file that was looked at, there or not. */
  readonly files: readonly string[];
  /** `settingsFingerprint(files)` from before they were read: when it differs now, load again. */
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
