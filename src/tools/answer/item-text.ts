/** One object as lines of `member: value`, for answers that show a single object. */
import { ExactNumber } from "../../lib/exact-json.ts";
import { joined, type Line, lineOf, oneLine } from "../../lib/shown-text.ts";
import { columnOf, durationCell, type Item, looksLikeTime, shortTime } from "./table.ts";

/**
 * `day`: times of this day (`2026-01-31`) are written without date; null: every time has its date and zone. `headingOf`: what a member
 * is called.
 */
export function itemLines(item: Item, day: string | null, headingOf = (key: string) => key): Line[] {
  return Object.entries(item)
    .map(([key, value]) => [key, durationCell(key, value) ?? valueText(value, day)] as const)
    .filter(([, text]) => text !== "")
    .map(([key, text]) => lineOf`${oneLine(headingOf(key))}: ${text}`);
}

function valueText(value: unknown, day: string | null): Line {
  if (value === null || value === undefined) return lineOf``;
  if (typeof value === "string") return oneLine(looksLikeTime(value) ? shortTime(value, { day }) : value);
  if (typeof value === "boolean") return value ? lineOf`yes` : lineOf`no`;
  if (typeof value !== "object" || value instanceof ExactNumber) return oneLine(String(value));
  if (Array.isArray(value)) {
    const isList = value.some((part) => typeof part === "object" && part !== null);
    return joined(
      value.map((part) => valueText(part, day)),
      isList ? "; " : ", ",
    );
  }
  const { name, id, ...rest } = value as Item;
  const head = [name, id].filter((part) => part !== null && part !== undefined).map((part) => valueText(part, day));
  const members = Object.entries(rest).map(([key, member]) => {
    const duration = durationCell(key, member);
    return [duration === undefined ? key : columnOf(key), duration ?? memberText(member, day)] as const;
  });
  const texts = members.filter(([, text]) => text !== "").map(([key, text]) => lineOf`${oneLine(key)} ${text}`);
  return joined([joined(head, " "), ...texts].filter(Boolean), ", ");
}

/** Lists and objects inside an object are in brackets. */
function memberText(value: unknown, day: string | null): Line {
  const text = valueText(value, day);
  return typeof value === "object" && value !== null && text !== "" ? lineOf`[${text}]` : text;
}
