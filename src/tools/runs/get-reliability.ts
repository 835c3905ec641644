import { z } from "zod";
import { counted, own, sentence } from "../../lib/shown-text.ts";
import { formatIsoSeconds } from "../../lib/time.ts";
import { GROUPS } from "../../queries/reliability/groups.ts";
import { getReliability } from "../../queries/reliability/reliability.ts";
import { serverNowUs } from "../../queries/source/server-time.ts";
import { isoRange } from "../answer/freshness.ts";
import type { Item } from "../answer/table.ts";
import { defineTool } from "../definition/define-tool.ts";
import { listAnswer } from "../definition/list-answer.ts";
import { DEFAULT_LIMIT, MAX_LIMIT, questionOf, readWindowCursor, windowCursor } from "../definition/list-arguments.ts";
import { byField, byName, readFilters } from "../definition/list-filters.ts";
import { limitArg, listOutput, textArg, textsArg, tokenBudget, windowArgs } from "../definition/shared-schemas.ts";
import { reliabilityItem, reliabilityRow } from "./reliability-items.ts";

const NAME = "get_reliability";

const input = z.strictObject({
  group_by: z.enum(GROUPS).optional(),
  flow: textArg,
  deployment: textArg,
  work_pool: textArg,
  tags: textsArg,
  since: textArg,
  until: textArg,
  target: z.number().min(0).max(1).optional(),
  limit: limitArg(MAX_LIMIT),
  cursor: textArg,
});

const CRITERIA = {
  flow: byName("flow", "id", "flows"),
  deployment: byName("deployment", "deployment_id"),
  work_pool: byName("work_pool", "id", "work_pools"),
  tags: byField("tags", "all_"),
};

export const getReliabilityTool = defineTool({
  name: NAME,
  title: "Reliability",
  description:
    "What got less reliable: deployments (flows, pools, tags) over 7 days or since, against the time before: success rate, p50/p95, lateness, recovery, streaks, error budget.",
  input,
  output: listOutput("results", { window: z.looseObject({}).optional() }),
  aliases: { occurred_after: "since", occurred_before: "until", by: "group_by", tag: "tags" },
  async run({ query: ctx }, args) {
    const nowUs = serverNowUs(ctx);
    const question = questionOf(ctx, NAME, args);
    const position = readWindowCursor(question, args.cursor);
    const groupBy = args.group_by ?? "deployment";
    const { set } = await readFilters(ctx, { key: "flow_runs", criteria: CRITERIA }, args, nowUs);
    const asked = windowArgs(args, ["since", "until"], nowUs);
    const found = await getReliability(ctx, {
      groupBy,
      set,
      sinceUs: position?.fromUs ?? asked.sinceUs,
      untilUs: position?.toUs ?? asked.untilUs,
      target: args.target,
    });
    const { window, before, groups, isCompared } = found;
    const from = position?.offset ?? 0;
    const page = groups.slice(from, from + (args.limit ?? DEFAULT_LIMIT));
    const items = page.map((group) => reliabilityItem(group, window.toUs));
    const rows = new Map<Item, Item>(items.map((item, index) => [item, rowOf(page[index])]));
    const worse = groups.filter((one) => one.comparison.score > 0).length;
    const comparable = groups.filter((one) => (one.before?.runs ?? 0) > 0).length;
    const withoutBefore = groups.length - comparable;
    const unseen =
      withoutBefore === 0 ? "" : sentence`; the window before has no runs of ${counted(withoutBefore, "group")}`;
    function rowOf(group: (typeof page)[number] | undefined): Item {
      return group === undefined ? {} : reliabilityRow(group, window.toUs);
    }
    return listAnswer({
      key: "results",
      noun: [own("group"), own("groups")],
      title: sentence` by ${groupBy}, ${isCompared ? own("worst change first") : own("lowest success rate first")}`,
      items,
      toRow: (item) => rows.get(item) ?? item,
      hasMore: from + page.length < groups.length,
      cursorAfter: (index) => windowCursor(question, window, from + index + 1),
      freshness: found.freshness,
      nowUs,
      budget: tokenBudget(args),
      extra: {
        group_by: groupBy,
        window: isoRange(window),
        window_before: isCompared ? isoRange(before) : null,
        groups: groups.length,
        got_worse: isCompared ? worse : null,
      },
      facts: [
        isCompared
          ? sentence`window ${formatIsoSeconds(window.fromUs)} to ${formatIsoSeconds(window.toUs)}, in parentheses that before, from ${formatIsoSeconds(before.fromUs)}${comparable === 0 ? "; none can be compared" : sentence`; ${worse} of ${comparable} got worse`}${unseen}`
          : sentence`window ${formatIsoSeconds(window.fromUs)} to ${formatIsoSeconds(window.toUs)}; ${groups.length} in all, not compared`,
      ],
      order: ["name", "worse", "success", "runs"],
      none: sentence`No run began in the window or in the one before.`,
    });
  },
});
