/** Cuts one item that alone is larger than an answer may be. */

import { largest } from "../../lib/lists.ts";
import { counted } from "../../lib/shown-text.ts";
import type { Item } from "./table.ts";
import { estimateJsonTokens } from "./token-budget.ts";

/** Characters; no member is cut below this. */
const LEAST_ROOM = 60;
/** Members that are kept of an item that is cut, and the longest name among them. No object of Prefect has more. */
const MOST_MEMBERS = 100;
const LONGEST_NAME = 100;
/** A longer id is cut, too: Prefect's have 36 characters. */
const LONGEST_ID = 200;
/** For words. */
const CHARS_PER_TOKEN = 4;
/** Part of the budget from which the search stops. */
const CLOSE = 0.95;

/**
 * The item with its longest members cut to one length, the largest at which the item fits. `cut` names these members, and says how many
 * were left out. The length is found by bisection, because the number of tokens per character depends on the text.
 */
export function shrinkItem(item: Item, budget: number): Item {
  if (estimateJsonTokens(item) <= budget) return item;
  const all = Object.entries(item).map(([key, value]) => ({ key, value, json: JSON.stringify(value) ?? "" }));
  let members = fewMembers(all);
  const cutTo = (length: number) => cutItem(members, length, all.length - members.length);
  while (members.length > 1 && estimateJsonTokens(cutTo(LEAST_ROOM)) > budget)
    members = members.slice(0, Math.floor(members.length / 2));
  const longest = largest(members.map(({ json }) => json.length));
  let small = cutTo(LEAST_ROOM);
  let least = LEAST_ROOM;
  let most = longest;
  let room = Math.floor(Math.min(budget * CHARS_PER_TOKEN, (least + most) / 2));
  while (least < room && room < most) {
    const tried = cutTo(room);
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

/** The id, then the others in their order. */
function fewMembers(all: readonly Member[]): readonly Member[] {
  const named = all.filter(({ key }) => key.length <= LONGEST_NAME);
  if (named.length === all.length && all.length <= MOST_MEMBERS) return all;
  const isId = ({ key }: Member) => key === "id";
  return [...named.filter(isId), ...named.filter((member) => !isId(member))].slice(0, MOST_MEMBERS);
}

function cutItem(members: readonly Member[], room: number, leftOut: number): Item {
  const isCut = ({ key, json }: Member) =>
    json.length > (key === "id" ? Math.max(room, LONGEST_ID) : room) && key !== "cut";
  const shown = members.map((member) => [
    member.key,
    isCut(member) ? cutValue(member.value, member.json, room) : member.value,
  ]);
  const cut = members.filter(isCut).map(({ key }) => key);
  return { ...Object.fromEntries(shown), cut: [...cut, ...(leftOut > 0 ? [counted(leftOut, "more member")] : [])] };
}

function cutValue(value: unknown, json: string, room: number): string {
  const text = typeof value === "string" ? value : json;
  const head = text.slice(0, Math.ceil(room * 0.6)).replace(/[\uD800-\uDBFF]$/, "");
  const tail = text.slice(-Math.floor(room * 0.3)).replace(/^[\uDC00-\uDFFF]/, "");
  return `${head} …[${counted(text.length - head.length - tail.length, "character")} cut]… ${tail}`;
}
