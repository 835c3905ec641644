import { join } from "node:path";
import type { Settings } from "./config/settings.ts";
import { AppError } from "./errors.ts";
import type { PrefectConnection } from "./prefect/connection.ts";
import { recordFileName } from "./store/record-file.ts";

/** How to reach Prefect, by the settings. Throws AppError `invalid_config` where they name no API. */
export function toConnection(settings: Settings, version: string): PrefectConnection {
  const { apiUrl, auth, customHeaders, csrf, requestTimeoutMs, maxRetries, retryJitterFactor, retryExtraCodes } =
    settings;
  if (apiUrl === null) {
    throw new AppError("invalid_config", "The settings name no usable Prefect API URL.", {
      hint: "Run `prefect-mcp-bun doctor`.",
    });
  }
  const { insecure, caFile } = settings.tls;
  const { http, https, noProxy } = settings.proxy;
  return {
    url: apiUrl,
    auth,
    customHeaders,
    csrf,
    requestTimeoutMs,
    maxRetries,
    retryJitterFactor,
    retryExtraCodes,
    tls: { insecure, ...(caFile === null ? {} : { caFile }) },
    proxy: { http: http ?? undefined, https: https ?? undefined, noProxy: noProxy.join(",") },
    isCloud: settings.isCloud,
    cloudApiUrl: settings.cloudApiUrl,
    userAgent: `prefect-mcp-bun/${version}`,
  };
}

/** The record of an instance. */
export function recordFileOf(settings: Pick<Settings, "dataDir">, apiUrl: string): string {
  return join(settings.dataDir, recordFileName(apiUrl));
}
