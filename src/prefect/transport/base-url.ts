import { AppError } from "../../errors.ts";
import { asPlace, sentence } from "../../lib/shown-text.ts";
import type { HttpAnswer } from "./exchange.ts";
import { isHtmlPage } from "./html-page.ts";

/**
 * Finds out whether `url` is the base URL of a Prefect API, after a route below it was not found. Null when `/admin/version` answers
 * there (only the route is missing), when a probe got no answer, or when only web pages are found. `probe` GETs
 * `{address}/admin/version`; `isWebPage`: the route was answered with a web page.
 */
export async function findBaseProblem(
  url: string,
  probe: (address: string) => Promise<HttpAnswer>,
  isWebPage: boolean,
): Promise<AppError | null> {
  const isApi = async (address: string) => {
    const answer = await probe(address);
    // A version as a JSON string ("3.8.8"), or an API that asks for credentials.
    const asksForCredentials = answer.status === 401 && !isHtmlPage(answer);
    return asksForCredentials || (answer.status === 200 && /^"\d+\.\d+/.test(answer.text));
  };
  const shorter = url.replace(/\/api$/, "");
  try {
    if (await isApi(url)) return null;
    if (await isApi(`${url}/api`)) {
      return new AppError(
        "invalid_config",
        sentence`The URL ${asPlace(url)} lacks /api: Prefect's API is at ${asPlace(url)}/api.`,
        {
          hint: sentence`Set PREFECT_API_URL to ${asPlace(url)}/api.`,
        },
      );
    }
    if (shorter.endsWith("/api") && (await isApi(shorter))) {
      return new AppError(
        "invalid_config",
        sentence`The URL ${asPlace(url)} has /api twice: Prefect's API is at ${asPlace(shorter)}.`,
        {
          hint: sentence`Set PREFECT_API_URL to ${asPlace(shorter)}.`,
        },
      );
    }
  } catch {
    return null;
  }
  if (isWebPage) return null;
  // No error of the settings: Prefect may have answered there before, and may again, as behind a port that was forwarded elsewhere.
  return new AppError(
    "unavailable",
    sentence`There is no Prefect API at ${asPlace(url)}: something else answers there.`,
    {
      hint: "Set PREFECT_API_URL to the API's address, for example http://127.0.0.1:4200/api.",
    },
  );
}
