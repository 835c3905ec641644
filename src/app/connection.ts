import { join } from "node:path";
import type { Settings } from "../config/settings.ts";
import { AppError } from "../errors.ts";
import type { PrefectConnection } from "../prefect/transport/connection.ts";
import { recordFileName } from "../store/file/record-file.ts";
import { currentRecordFile, recordFilesBeside } from "../store/file/server-records.ts";
import { tenantRecords } from "../store/file/tenant-folders.ts";

/** The connection to Prefect that the settings describe. Throws AppError `invalid_config` where they name no API. */
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
    isNamedByCaller: settings.isNamedByCaller === true,
    userAgent: `prefect-mcp-bun/${version}`,
  };
}

/**
 * All records of an instance in the data folder: those of this program's settings, and those of HTTP callers who named the instance
 * in their headers;
 * of each, one for every server that has answered at the URL.
 */
export function recordFilesOf(settings: Pick<Settings, "dataDir">, apiUrl: string): string[] {
  const firsts = [firstRecordFileOf(settings, apiUrl), ...tenantRecords(settings.dataDir, recordFileName(apiUrl))];
  return firsts.flatMap(recordFilesBeside);
}

/** The record of an instance for this program's own settings that is in use. */
export function recordFileOf(settings: Pick<Settings, "dataDir">, apiUrl: string): string {
  return currentRecordFile(firstRecordFileOf(settings, apiUrl));
}

/** The file of the first server that answered at the URL. The lock and the pointer to the file in use lie beside it. */
export function firstRecordFileOf(settings: Pick<Settings, "dataDir">, apiUrl: string): string {
  return join(settings.dataDir, recordFileName(apiUrl));
}
