import { z } from "zod";
import {
  asName,
  counted,
  joined,
  type Line,
  lineOf,
  oneLine,
  own,
  type Sentence,
  sentence,
} from "../../lib/shown-text.ts";
import { DAY_US, type ServerUs } from "../../lib/time.ts";
import type { Kind } from "../../model/kinds.ts";
import type { Slot } from "../../queries/limits/slots.ts";
import type { RunCounts, TrendCounts } from "../../queries/runs/run-counts.ts";
import { serverNowUs } from "../../queries/source/server-time.ts";
import type { Dashboard } from "../../queries/workspace/dashboard.ts";
import { getDashboard } from "../../queries/workspace/dashboard.ts";
import { type AnswerText, answerText, fenced } from "../answer/fenced.ts";
import { freshnessFields, isoRange, linesWithoutWindow } from "../answer/freshness.ts";
import { MAX_HOLDERS } from "../answer/holders.ts";
import { rangeText } from "../answer/range-text.ts";
import { foldIds } from "../answer/table.ts";
import { estimateJsonTokens } from "../answer/token-budget.ts";
import { defineTool } from "../definition/define-tool.ts";
import { flagArg, metaOutput, momentArg, textArg, tokenBudget, windowArgs } from "../definition/shared-schemas.ts";
import { withMoment } from "../definition/with-moment.ts";

/** Lists that limits and pools are shown from. */
const LIMITED: readonly Kind[] = ["work_pool", "work_queue"];

const input = z.strictObject({ since: textArg, until: textArg, at: momentArg, fresh: flagArg });

const dashboardTool = defineTool({
  name: "get_dashboard",
  title: "Dashboard",
  description:
    "The workspace at a glance: exact flow run counts by state (late ones separately) in a window, default the last 24 h, the trend, every concurrency limit with its holders, work pool status, and what is wrong now. Start here.",
  input,
  output: z.looseObject({
    flow_runs: z.looseObject({}).optional(),
    slots: z.array(z.looseObject({})).optional(),
    ...metaOutput,
  }),
  takesAll: true,
  aliases: { occurred_after: "since", occurred_before: "until" },
  async run({ query: ctx, share, missing }, args) {
    const nowUs = serverNowUs(ctx);
    const withoutLimits = missing !== undefined && LIMITED.some((kind) => missing.has(kind));
    const board = await getDashboard(ctx, {
      ...windowArgs(args, ["since", "until"], nowUs),
      fresh: args.fresh,
      withoutLimits,
    });
    const { window, counts, before } = board;
    const pools = board.pools.map(({ id, name, type, status }) => ({ id, name, type, ...(status ? { status } : {}) }));
    const fixed = {
      window: isoRange(window),
      flow_runs: counts,
      trend: before === null ? null : trendOf(counts, before),
      problems: board.problems,
      ...freshnessFields(board.freshness),
    };
    const room = tokenBudget({}, share) - estimateJsonTokens(fixed) - 100;
    const shown = fitLists(board.slots.map(shortSlot), pools, room);
    const structured = { ...fixed, slots: shown.slots, work_pools: shown.pools, ...shown.left };
    return {
      // Empty lists would say that there were none.
      structured: withoutLimits ? fixed : structured,
      text: dashboardText(board, structured, nowUs),
      untrusted: ["problems", "slots", "work_pools"],
    };
  },
});

export const getDashboardTool = withMoment(dashboardTool, {
  needs: [],
  parts: ["flow", "deployment"],
  shows: ["work_pool", "work_queue", "concurrency_limit"],
  runsBackUs: 2 * DAY_US,
});

function shortSlot(slot: Slot): Slot & { more_holders?: number } {
  const more = slot.holders.length - MAX_HOLDERS;
  return more <= 0 ? slot : { ...slot, holders: slot.holders.slice(0, MAX_HOLDERS), more_holders: more };
}

type PoolItem = { readonly id: string; readonly name: string; readonly type: string; readonly status?: string };

/** The slots come fullest first; here pools that are not ready come first. What does not fit is counted. */
function fitLists(slots: readonly Slot[], pools: readonly PoolItem[], room: number) {
  const sorted = [...pools].sort((a, b) => Number(a.status === "READY") - Number(b.status === "READY"));
  let left = room;
  const fits = (item: unknown) => {
    left -= estimateJsonTokens(item) + 1;
    return left > 0;
  };
  const shownSlots = slots.filter(fits);
  const shownPools = sorted.filter(fits);
  const moreSlots = slots.length - shownSlots.length;
  const morePools = pools.length - shownPools.length;
  return {
    slots: shownSlots,
    pools: shownPools,
    left: {
      ...(moreSlots > 0 ? { more_slots: moreSlots } : {}),
      ...(morePools > 0 ? { more_work_pools: morePools } : {}),
    },
  };
}

const TREND_KEYS = ["total", "completed", "failed", "crashed"] as const;

function trendOf(counts: RunCounts, before: TrendCounts): Readonly<Record<string, { before: number; change: number }>> {
  return Object.fromEntries(TREND_KEYS.map((key) => [key, { before: before[key], change: counts[key] - before[key] }]));
}

interface Shown {
  readonly trend: ReturnType<typeof trendOf> | null;
  readonly slots: readonly (Slot & { more_holders?: number })[];
  readonly work_pools: readonly PoolItem[];
  readonly more_slots?: number;
  readonly more_work_pools?: number;
}

function dashboardText(board: Dashboard, shown: Shown, nowUs: ServerUs): AnswerText {
  const [head = own(""), ...notes] = linesWithoutWindow(board.freshness, nowUs);
  const { total, ...states } = board.counts;
  const isFact = (n: number) => board.areAllCounted || n > 0;
  const counts = Object.entries(states)
    .filter(([, n]) => isFact(n))
    .map(([state, n]) => sentence`${asName(state)} ${n}`);
  const all = isFact(total) ? [...counts, sentence`total ${total}`] : [own("none")];
  const window = rangeText(board.window);
  const data = [...section(own("problems"), board.problems.map(problemLine)), ...slotLines(shown), ...poolLines(shown)];
  const { lines, legend } = foldIds(data);
  return answerText([
    sentence`flow runs ${window} | ${head}`,
    ...notes,
    sentence`${board.areAllCounted ? "" : "of the recorded runs: "}${joined(all, ", ")}`,
    trendLine(shown.trend),
    legend,
    data.length > 0 ? fenced(lines) : null,
  ]);
}

function trendLine(trend: Shown["trend"]): Sentence {
  if (!trend) return sentence`window before: unknown`;
  const parts = Object.entries(trend).map(
    ([key, { before, change }]) => sentence`${asName(key)} ${before} (${change >= 0 ? "+" : ""}${change})`,
  );
  return sentence`window before: ${joined(parts, ", ")}`;
}

function section(title: Sentence, lines: readonly Line[]): Line[] {
  return lines.length === 0 ? [] : [sentence`${title}:`, ...lines];
}

function problemLine({ code, summary, flow_run_id }: Dashboard["problems"][number]): Line {
  return lineOf`${asName(code)}: ${oneLine(summary)}${flow_run_id ? sentence` (${asName(flow_run_id)})` : ""}`;
}

function slotLines({ slots, more_slots }: Shown): Line[] {
  const lines = slots.map((slot) => {
    const holders = slot.holders.map(({ name, id }) =>
      name === null ? asName(id) : sentence`${asName(name)} ${asName(id)}`,
    );
    const more = slot.more_holders ? sentence` and ${slot.more_holders} more` : "";
    const held = holders.length > 0 ? sentence`: ${joined(holders, ", ")}${more}` : "";
    return sentence`${slot.kind} ${asName(slot.name)} ${slot.active_slots}/${asName(String(slot.limit))}${held}`;
  });
  return section(own("limits (slots taken/limit: holders)"), [
    ...lines,
    ...(more_slots ? [sentence`${counted(more_slots, "more limit")}, less full`] : []),
  ]);
}

function poolLines({ work_pools, more_work_pools }: Shown): Line[] {
  const lines = work_pools.map(
    ({ id, name, type, status }) => sentence`${asName(name)} ${asName(type)} ${asName(status ?? "")} ${asName(id)}`,
  );
  return section(own("work pools"), [
    ...lines,
    ...(more_work_pools ? [counted(more_work_pools, "more work pool")] : []),
  ]);
}
