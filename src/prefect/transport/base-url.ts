import { AppError } from "../../errors.ts";

/**
 * Finds out whether `url` is the base URL of a Prefect API, after a route below it was not found. Null when `/admin/version` answers
 * there (only the route is missing) or a probe got no answer. `probe` GETs `{address}/admin/version`.
 */
export async function findBaseProblem(
  url: string,
  probe: (address: string) => Promise<{ readonly status: number; readonly text: string }>,
): Promise<AppError | null> {
  const isApi = async (address: string) => {
    const { status, text } = await probe(address);
    // A version as a JSON string ("3.8.8"), or an API that asks for credentials.
    return status === 401 || (status === 200 && /^"\d+\.\d+/.test(text));
  };
  const shorter = url.replace(/\/api$/, "");
  try {
    if (await isApi(url)) return null;
    if (await isApi(`${url}/api`)) {
      return new AppError("invalid_config", `The URL ${url} lacks /api: Prefect's API is at ${url}/api.`, {
        hint: `Set PREFECT_API_URL to ${url}/api.`,
      });
    }
    if (shorter.endsWith("/api") && (await isApi(shorter))) {
      return new AppError("invalid_config", `The URL ${url} has /api twice: Prefect's API is at ${shorter}.`, {
        hint: `Set PREFECT_API_URL to ${shorter}.`,
      });
    }
  } catch {
    return null;
  }
  return new AppError("invalid_config", `There is no Prefect API at ${url}: something else answers there.`, {
    hint: "Set PREFECT_API_URL to the API's address, for example http://127.0.0.1:4200/api.",
  });
}
