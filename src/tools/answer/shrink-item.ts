/** Cuts one item that alone is larger than an answer may be. */
import type { Item } from "./table.ts";
import { estimateJsonTokens } from "./token-budget.ts";

/** Characters; no member is cut below this. */
const LEAST_ROOM = 60;
/** For words. */
const CHARS_PER_TOKEN = 4;
/** Part of the budget from which the search stops. */
const CLOSE = 0.95;

/**
 * The item with its longest members cut to one length, the largest at which the item fits. `cut` names these members. The length is
 * found by bisection, because the number of tokens per character depends on the text.
 */
export function shrinkItem(item: Item, budget: number): Item {
  if (estimateJsonTokens(item) <= budget) return item;
  const members = Object.entries(item).map(([key, value]) => ({ key, value, json: JSON.stringify(value) ?? "" }));
  const longest = Math.max(...members.map(({ json }) => json.length));
  let small = cutItem(members, LEAST_ROOM);
  let least = LEAST_ROOM;
  let most = longest;
  let room = Math.floor(Math.min(budget * CHARS_PER_TOKEN, (least + most) / 2));
  while (least < room && room < most) {
    const tried = cutItem(members, room);
    const tokens = estimateJsonTokens(tried);
    if (tokens > budget) most = room;
    else {
      small = tried;
      least = room;
      if (tokens >= budget * CLOSE) break;
    }
    // Above the first guess the length doubles, so that a huge member is not measured as a whole again.
    room = most === longest ? Math.min(room * 2, Math.floor((room + most) / 2)) : Math.floor((least + most) / 2);
  }
  return small;
}

interface Member {
  readonly key: string;
  readonly value: unknown;
  readonly json: string;
}

function cutItem(members: readonly Member[], room: number): Item {
  const isCut = ({ key, json }: Member) => json.length > room && key !== "id" && key !== "cut";
  const shown = members.map((member) => [
    member.key,
    isCut(member) ? cutValue(member.value, member.json, room) : member.value,
  ]);
  return { ...Object.fromEntries(shown), cut: members.filter(isCut).map(({ key }) => key) };
}

function cutValue(value: unknown, json: string, room: number): string {
  const text = typeof value === "string" ? value : json;
  const head = text.slice(0, Math.ceil(room * 0.6)).replace(/[\uD800-\uDBFF]$/, "");
  const tail = text.slice(-Math.floor(room * 0.3)).replace(/^[\uDC00-\uDFFF]/, "");
  return `${head} …[${text.length - head.length - tail.length} characters cut]… ${tail}`;
}
