import { createConfirmations } from "../acting/confirmations.ts";
import type { ResolvedSettings, Settings } from "../config/settings.ts";
import { apiUrlIssues, isCloudUrl, normaliseApiUrl, uiBaseUrl } from "../config/urls.ts";
import { AppError } from "../errors.ts";
import { withFields } from "../lib/logger.ts";
import { sentence } from "../lib/shown-text.ts";
import type { TenantTarget } from "../mcp/http/tenants/tenant-headers.ts";
import { createAnswerBudget } from "../prefect/transport/answer-budget.ts";
import { MAX_CALLER_BYTES_IN_FLIGHT } from "../prefect/transport/exchange.ts";
import { tenantFolder, trimTenantFolders } from "../store/file/tenant-folders.ts";
import { AccountBudgets } from "./account-budgets.ts";
import { type App, type AppOptions, openApp } from "./app.ts";
import { fixedSettings } from "./settings-source.ts";

/** Applications for callers that name their Prefect in request headers. */
export interface TenantApps {
  /** Throws AppError `invalid_input` for a URL that is not that of a Prefect API. */
  open(target: TenantTarget, label: string, access?: RecordAccess): App;
  /** Removes the oldest records that are not open until all together are below the limit. */
  trimDisk(): void;
}

/** In a fleet: how an application may use the record. */
export type RecordAccess = Pick<AppOptions, "lease" | "liveOnly">;

export interface TenantAppsOptions extends Omit<AppOptions, "settings"> {
  /** The server's own settings. Those that do not concern one Prefect apply to callers' Prefects too. */
  readonly base: () => ResolvedSettings;
}

export function createTenantApps(options: TenantAppsOptions): TenantApps {
  const inUse = new Map<string, number>();
  const answerBudget = createAnswerBudget(MAX_CALLER_BYTES_IN_FLIGHT);
  const confirmations = options.confirmations ?? createConfirmations(options.clock);
  const accounts = options.accounts ?? new AccountBudgets(options.clock);
  return {
    open(target, label, access = {}) {
      const resolved = settingsFor(options.base(), target);
      const folder = resolved.settings.dataDir;
      inUse.set(folder, (inUse.get(folder) ?? 0) + 1);
      const logger = withFields(options.logger, { tenant: label });
      const app = openApp({
        ...options,
        ...access,
        settings: fixedSettings(resolved),
        logger,
        label,
        answerBudget,
        confirmations,
        accounts,
      });
      const dispose = app[Symbol.asyncDispose].bind(app);
      app[Symbol.asyncDispose] = async () => {
        await dispose();
        const left = (inUse.get(folder) ?? 1) - 1;
        if (left > 0) inUse.set(folder, left);
        else inUse.delete(folder);
      };
      return app;
    },
    trimDisk() {
      const { dataDir, http } = options.base().settings;
      const removed = trimTenantFolders(dataDir, http.maxDiskBytes, new Set(inUse.keys()));
      if (removed.length > 0)
        options.logger.info("records of idle tenants removed to save disk", { n: removed.length });
    },
  };
}

/** A tenant's share of the disk limit. Records in use are never removed, so all tenants that may be open must fit into it together. */
function diskShare({ http, sync }: Settings): number {
  if (http.maxDiskBytes === 0) return sync.retentionBytes;
  const share = Math.floor(http.maxDiskBytes / http.maxTenants);
  return sync.retentionBytes === 0 ? share : Math.min(sync.retentionBytes, share);
}

/** Settings for a caller's Prefect. They hold nothing of the server's own access: no key, auth string, header or skipped certificate check. */
export function settingsFor(base: ResolvedSettings, { url, credential }: TenantTarget): ResolvedSettings {
  const { cloudApiUrl, tls, dataDir } = base.settings;
  const apiUrl = normaliseApiUrl(url);
  const fatal = apiUrlIssues(url, { cloudApiUrl, lenient: false }).find((issue) => issue.level === "fatal");
  if (apiUrl === null || fatal) {
    throw new AppError(
      "invalid_input",
      sentence`The URL in X-Prefect-Api-Url ${fatal?.message ?? "is not an API URL"}.`,
      {
        hint: sentence`${fatal?.fix ?? "Send the URL of a Prefect API"}.`,
      },
    );
  }
  const secret = credential.kind === "key" ? credential.key : credential.kind === "basic" ? credential.authString : "";
  const settings: Settings = {
    ...base.settings,
    apiUrl,
    apiUrlOrigin: "X-Prefect-Api-Url of the caller",
    isNamedByCaller: true,
    auth: credential,
    customHeaders: {},
    tls: { ...tls, insecure: false },
    uiUrl: uiBaseUrl(apiUrl, { uiUrl: null, cloudApiUrl, cloudUiUrl: null }),
    isCloud: isCloudUrl(apiUrl, cloudApiUrl),
    profile: null,
    fleet: null,
    dataDir: tenantFolder(dataDir, [apiUrl, credential.kind, secret]),
    sync: { ...base.settings.sync, retentionBytes: diskShare(base.settings) },
  };
  return { ...base, settings, problems: [], profiles: [], files: [] };
}
