/** The open page as the fragment of the address: `#token=…&view=run&args={…}`. A link to a run, a deployment or a time range is a place. */
import { VIEWS, type View } from "../calls.ts";
import { isObject } from "./answers/read.ts";

export interface Place {
  readonly view: View;
  readonly args: Readonly<Record<string, unknown>>;
}

export function tokenOf(fragment: string): string | null {
  return new URLSearchParams(fragment.replace(/^#/, "")).get("token");
}

/** What cannot be read is the dashboard. */
export function placeOf(fragment: string): Place {
  const given = new URLSearchParams(fragment.replace(/^#/, ""));
  const view = VIEWS.find((one) => one === given.get("view")) ?? "dashboard";
  try {
    const args: unknown = JSON.parse(given.get("args") ?? "{}");
    return { view, args: isObject(args) ? args : {} };
  } catch {
    return { view, args: {} };
  }
}

export function fragmentOf({ view, args }: Place, token: string | null): string {
  const parts = new URLSearchParams({ ...(token === null ? {} : { token }), view });
  if (Object.keys(args).length > 0) parts.set("args", JSON.stringify(args));
  return `#${parts.toString()}`;
}
