import { createAdminCalls } from "./admin.ts";
import type { PrefectApi } from "./api.ts";
import { createCloudCalls } from "./cloud.ts";
import { openEventStream } from "./event-stream.ts";
import { createEventCalls } from "./events.ts";
import { createFlowRunCalls } from "./flow-runs.ts";
import { createLogCalls } from "./logs.ts";
import { createObjectCalls } from "./objects.ts";
import { createServerVersion, withSupportedServer } from "./older-servers/server-version.ts";
import { withStartTimes } from "./older-servers/start-times.ts";
import { withTagLimits } from "./older-servers/tag-limits.ts";
import { withUnknownCriteria } from "./older-servers/unknown-criteria.ts";
import { createTagLimitCalls } from "./tag-limits.ts";
import { createTaskRunCalls } from "./task-runs.ts";
import { type PrefectConnection, parseApiUrl } from "./transport/connection.ts";
import { createHttp, type HttpDeps } from "./transport/http.ts";
import { createPostFilter } from "./transport/pages.ts";
import type { ServerOffset } from "./transport/server-offset.ts";
import { createWorkPoolCalls } from "./work-pools.ts";
import type { PrefectWriter } from "./write-api.ts";
import { createWriter } from "./writes.ts";

/** The API over HTTP and websockets. `close` closes idle connections; calls in flight finish. */
export interface PrefectClient extends PrefectApi {
  readonly serverOffset: ServerOffset | null;
  /** The requests that change something. Not a member of `PrefectApi`: code that answers questions has no access to it. */
  readonly writer: PrefectWriter;
  close(): void;
}

/**
 * A client for one Prefect API. Creating it sends no request and never fails: a wrong setting shows as an error of each call until
 * it is corrected. Errors are AppErrors: `unauthorized`, `rate_limited`, `unavailable`, `not_found`, `invalid_input`, and
 * `invalid_config` for a URL that is not the API's or an unreadable CA file.
 */
export function createPrefectClient(given: PrefectConnection, deps: HttpDeps): PrefectClient {
  const connection = withUrlCredentials(given);
  const direct = createHttp(connection, deps);
  const version = createServerVersion(direct, connection.isCloud, deps.serverVersion ?? (() => null));
  const http = withSupportedServer(direct, version);
  const listed = withUnknownCriteria(createPostFilter(http), version);
  const postFilter = withTagLimits(withStartTimes(listed, version), version);
  return {
    url: http.url,
    isCloud: connection.isCloud,
    ...createEventCalls(http),
    ...createFlowRunCalls(http, postFilter, version),
    ...createTaskRunCalls(http, postFilter),
    ...createLogCalls(http, postFilter),
    ...createObjectCalls(http, postFilter),
    ...createWorkPoolCalls(http, postFilter, version),
    ...createTagLimitCalls(http, postFilter),
    ...createAdminCalls(http, version),
    ...createCloudCalls(http, connection),
    writer: createWriter(http),
    openEventStream(filter, signal) {
      http.countRequest();
      return openEventStream(connection, filter, { ...deps, signal });
    },
    isServerBefore: (than, options) => version.isBefore(than, options),
    get requests() {
      return http.requests;
    },
    get serverOffset() {
      return http.serverOffset;
    },
    close: () => http.close(),
  };
}

/** `https://user:password@host/api` means basic auth, as for Prefect's own client; configured credentials take precedence. */
function withUrlCredentials(connection: PrefectConnection): PrefectConnection {
  const normal = parseApiUrl(connection.url);
  if (normal === null) return connection;
  const { url, authString } = normal;
  if (authString === null || connection.auth.kind !== "none") return { ...connection, url };
  return { ...connection, url, auth: { kind: "basic", authString } };
}
