/** One object as lines of `member: value`, for answers that show a single object. */
import { ExactNumber } from "../../lib/exact-json.ts";
import { visibleText } from "../../model/text/untrusted.ts";
import { type Item, looksLikeTime, shortTime } from "./table.ts";

/** `day`: times of this day (`2026-01-31`) are written without date. */
export function itemText(item: Item, day: string): string {
  return Object.entries(item)
    .map(([key, value]) => [key, valueText(value, day)] as const)
    .filter(([, text]) => text !== "")
    .map(([key, text]) => `${key}: ${text}`)
    .join("\n");
}

function valueText(value: unknown, day: string): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "string")
    return looksLikeTime(value) ? shortTime(value, { day }) : visibleText(value).replace(/\s*\n\s*/g, " ⏎ ");
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "object" || value instanceof ExactNumber) return String(value);
  if (Array.isArray(value)) {
    const isList = value.some((part) => typeof part === "object" && part !== null);
    return value.map((part) => valueText(part, day)).join(isList ? "; " : ", ");
  }
  const { name, id, ...rest } = value as Item;
  const head = [name, id].filter((part) => part !== null && part !== undefined).map((part) => valueText(part, day));
  const members = Object.entries(rest).map(([key, member]) => [key, memberText(member, day)] as const);
  const texts = members.filter(([, text]) => text !== "").map(([key, text]) => `${key} ${text}`);
  return [head.join(" "), ...texts].filter(Boolean).join(", ");
}

/** Lists and objects inside an object are in brackets. */
function memberText(value: unknown, day: string): string {
  const text = valueText(value, day);
  return typeof value === "object" && value !== null && text !== "" ? `[${text}]` : text;
}
