/** https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/api/admin.py */
import { z } from "zod";
import type { JsonObject } from "../model/objects.ts";
import type { PrefectApi } from "./api.ts";
import type { ServerVersion } from "./older-servers/server-version.ts";
import type { Http } from "./transport/http.ts";
import { checkRows, type Fields, parseOne } from "./transport/wire.ts";

const objectSchema = z.looseObject({});

const BLOCK_TYPE: Fields = { id: "uuid", slug: "text" };

type AdminCalls = Pick<PrefectApi, "readHealth" | "readVersion" | "readServerSettings" | "readBlockTypeIds" | "get">;

export function createAdminCalls(http: Http, serverVersion: ServerVersion): AdminCalls {
  return {
    /** GET /health, which needs no credentials. */
    readHealth: async (options) => (await http.get("/health", options)) === true,
    /** The version of Prefect, `3.8.8`. (GET /version returns the version of the API, `0.8.4`.) */
    async readVersion(options) {
      const version = await http.get("/admin/version", options);
      // Another service may answer with another text, such as "ok".
      if (typeof version === "string" && /^\d/.test(version)) {
        serverVersion.observe(version);
        return version;
      }
      throw http.failures.unexpectedAnswer("GET /admin/version", "a version was expected");
    },
    /** GET /admin/settings; absent on Prefect Cloud (`not_found`). Secrets are masked by the server. */
    async readServerSettings(options) {
      const answer = await http.get("/admin/settings", options);
      return parseOne<JsonObject>(http, "GET /admin/settings", answer, objectSchema);
    },
    async readBlockTypeIds(slugs, options) {
      const route = "/block_types/filter";
      const body = { block_types: { slug: { any_: [...slugs] } }, limit: slugs.length };
      const rows = checkRows<{ id: string; slug: string }>(
        http,
        `POST ${route}`,
        await http.post(route, body, options),
        BLOCK_TYPE,
      );
      return new Map(rows.map(({ slug, id }) => [slug, id]));
    },
    get: (path, options) => http.get(path, options),
  };
}
