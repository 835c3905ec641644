/** Makes one item fit when it alone is larger than an answer may be. */
import { estimateJsonTokens } from "./budget.ts";
import type { Item } from "./render.ts";

/** The item, its longest members cut until it fits; `cut` names them. */
export function shrinkItem(item: Item, budget: number): Item {
  if (estimateJsonTokens(item) <= budget) return item;
  const cut: string[] = [];
  let small: Record<string, unknown> = { ...item };
  for (let room = 4_000; room >= 60; room = Math.floor(room / 2)) {
    for (const [key, value] of Object.entries(small)) {
      const json = JSON.stringify(value) ?? "";
      if (json.length <= room || key === "id" || key === "cut") continue;
      small = { ...small, [key]: cutValue(value, json, room) };
      if (!cut.includes(key)) cut.push(key);
    }
    small = { ...small, cut };
    if (estimateJsonTokens(small) <= budget) break;
  }
  return small;
}

function cutValue(value: unknown, json: string, room: number): string {
  const text = typeof value === "string" ? value : json;
  const head = text.slice(0, Math.ceil(room * 0.6)).replace(/[\uD800-\uDBFF]$/, "");
  const tail = text.slice(-Math.floor(room * 0.3)).replace(/^[\uDC00-\uDFFF]/, "");
  return `${head} …[${text.length - head.length - tail.length} characters cut]… ${tail}`;
}
