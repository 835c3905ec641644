import { AppError } from "../../errors.ts";
import { asName, own, sentence } from "../../lib/shown-text.ts";
import { isOlderVersion, LEAST_VERSION } from "../../model/prefect-version.ts";
import type { CallOptions } from "../transport/call-options.ts";
import type { Http } from "../transport/http.ts";

/** The version of a Prefect server, for calls that depend on it. */
export interface ServerVersion {
  /** Whether the server is certainly older than `version`. Asks for its version, at most once, when it is not known. */
  isBefore(version: string, options?: CallOptions): Promise<boolean>;
  /** The same without a request: false while the version is unknown. */
  isKnownBefore(version: string): boolean;
  /** Resolves, and throws AppError `invalid_config` when the server is older than all that are supported. */
  requireSupported(options?: CallOptions): Promise<void>;
  /** To be called with the version that the server has just answered. */
  observe(version: string): void;
}

/**
 * `recorded`: the version in the record, null while there is none. Prefect Cloud has no version and counts as the newest, and so does
 * a server that does not give it.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/api/admin.py
 */
export function createServerVersion(http: Http, isCloud: boolean, recorded: () => string | null): ServerVersion {
  let observed: string | null = null;
  let isRefused = isCloud;
  let asking: Promise<void> | null = null;

  const known = () => (isCloud ? null : (observed ?? recorded()));

  function isKnownBefore(version: string): boolean {
    const own = known();
    return own !== null && isOlderVersion(own, version);
  }

  function ask(options?: CallOptions): Promise<void> {
    asking ??= askOnce(options).finally(() => {
      asking = null;
    });
    return asking;
  }

  async function askOnce(options?: CallOptions): Promise<void> {
    try {
      const answer = await http.get("/admin/version", options);
      if (typeof answer === "string") observed = answer;
      else isRefused = true;
    } catch (error) {
      // Any other failure may pass, and the call itself fails, too.
      isRefused = error instanceof AppError && !error.retryable;
    }
  }

  return {
    async isBefore(version, options) {
      if (known() === null && !isRefused) await ask(options);
      return isKnownBefore(version);
    },
    isKnownBefore,
    async requireSupported(options) {
      const isUnknown = known() === null && !isRefused;
      // The server may have been upgraded.
      if (isUnknown || isKnownBefore(LEAST_VERSION)) await ask(options);
      if (!isKnownBefore(LEAST_VERSION)) return;
      throw unsupportedVersion(known() ?? "2");
    },
    observe(version) {
      observed = version;
    },
  };
}

/** The error about a server that is older than all that are supported. */
export function unsupportedVersion(version: string): AppError {
  return new AppError("invalid_config", sentence`This is Prefect ${asName(version)}${ONLY_PREFECT_3}`, {
    hint: "Upgrade the server to Prefect 3, or set PREFECT_API_URL to one.",
  });
}

const ONLY_PREFECT_3 = own(", and only Prefect 3 is supported.");

/** No question can be answered then, not even in part. */
export function isUnsupportedVersion(error: AppError): boolean {
  return error.code === "invalid_config" && error.message.endsWith(ONLY_PREFECT_3);
}

/** The same calls, refused by a server that is not supported. Its version, and whether it answers at all, can be read nevertheless. */
export function withSupportedServer(http: Http, version: ServerVersion): Http {
  async function supported(answer: Promise<unknown>, options?: CallOptions): Promise<unknown> {
    // Both at once: no call waits for the version.
    const [result, check] = await Promise.allSettled([answer, version.requireSupported(options)]);
    if (check.status === "rejected") throw check.reason;
    if (result.status === "rejected") throw result.reason;
    return result.value;
  }
  const isAboutServer = (path: string) => path === "/admin/version" || path === "/health";
  return {
    url: http.url,
    failures: http.failures,
    get requests() {
      return http.requests;
    },
    get serverOffset() {
      return http.serverOffset;
    },
    get: (path, options, base) => {
      const answer = http.get(path, options, base);
      return isAboutServer(path) ? answer : supported(answer, options);
    },
    post: (path, body, options) => supported(http.post(path, body, options), options),
    async write(method, path, body, deadlineMs) {
      await version.requireSupported({ deadlineMs });
      return http.write(method, path, body, deadlineMs);
    },
    countRequest: () => http.countRequest(),
    close: () => http.close(),
  };
}
