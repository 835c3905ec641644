import { normaliseApiUrl } from "../../config/urls.ts";
import { AppError } from "../../errors.ts";
import { asName, asNames, joined, quote, type Sentence, sentence } from "../../lib/shown-text.ts";
import { isUuid } from "../../lib/uuid.ts";
import { cloudIds } from "../../prefect/cloud.ts";
import { LONGEST_NAME, nearest } from "./suggestions.ts";

/** What a workspace can be named by. */
export interface NamedWorkspace {
  readonly name: string;
  readonly apiUrl: string;
  readonly handle?: string;
}

/** The workspace that `name` means: by its name, else by handle, API URL or id, else by a handle without account that only one has. */
export function chooseWorkspace<One extends NamedWorkspace>(name: string, among: readonly One[]): One | null {
  const exact = among.find((one) => one.name === name);
  if (exact) return exact;
  const wanted = name.toLowerCase();
  const url = normaliseApiUrl(name);
  const found = among.find(
    (one) =>
      one.handle?.toLowerCase() === wanted ||
      (url !== null && one.apiUrl === url) ||
      cloudIds(one.apiUrl)?.workspaceId.toLowerCase() === wanted,
  );
  if (found) return found;
  const loose = among.filter(
    (one) => one.name.toLowerCase() === wanted || one.handle?.toLowerCase().split("/").at(-1) === wanted,
  );
  const [only] = loose;
  return only && loose.every((one) => one.apiUrl === only.apiUrl) ? only : null;
}

/** Whether the name can only mean a workspace of Prefect Cloud. */
export function isCloudName(name: string): boolean {
  const url = normaliseApiUrl(name);
  return isUuid(name) || (url === null ? name.includes("/") : cloudIds(url) !== null);
}

const SHOWN_NAMES = 15;

/** `keys`: whose keys were asked what they see. */
export function unknownWorkspace(name: string, among: readonly NamedWorkspace[], keys: readonly string[]): AppError {
  const shown = quote(name, LONGEST_NAME);
  const names = among.map((one) => one.name);
  const hint = hintOf(names);
  if (isCloudName(name) && keys.length > 0) {
    const whose = joined(
      keys.map((one) => asName(one)),
      " and of ",
    );
    return new AppError("not_found", sentence`The key of ${whose} does not see a workspace ${shown}.`, { hint });
  }
  if (/^[a-z]+:\/\//i.test(name)) {
    return new AppError("not_found", sentence`The API URL ${shown} belongs to no known workspace.`, { hint });
  }
  const near = nearest(name, [...names, ...among.flatMap(({ handle }) => (handle === undefined ? [] : [handle]))]);
  return new AppError(
    "not_found",
    sentence`There is no workspace ${shown}${near ? sentence`; did you mean ${quote(near)}?` : "."}`,
    { hint },
  );
}

function hintOf(names: readonly string[]): Sentence {
  const rest = names.length > SHOWN_NAMES ? sentence` and ${names.length - SHOWN_NAMES} more (list_workspaces)` : "";
  return sentence`Workspaces: ${asNames(names.slice(0, SHOWN_NAMES))}${rest}.`;
}
