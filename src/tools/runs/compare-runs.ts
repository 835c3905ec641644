import { z } from "zod";
import { sentence } from "../../lib/shown-text.ts";
import { compareRuns } from "../../queries/comparison/compare-runs.ts";
import { resolveName } from "../../queries/names/names.ts";
import { serverNowUs } from "../../queries/source/server-time.ts";
import { answerText, fenced } from "../answer/fenced.ts";
import { freshnessFields, linesWithoutWindow } from "../answer/freshness.ts";
import { DEFAULT_TOKENS, estimateJsonTokens, estimateTokens, MAX_TOKENS } from "../answer/token-budget.ts";
import { defineTool } from "../definition/define-tool.ts";
import { detailArg, metaOutput, textArg } from "../definition/shared-schemas.ts";
import { comparisonItem, comparisonLines, type Sizes } from "./comparison-items.ts";

const input = z.strictObject({
  flow_run: z.string(),
  with: textArg.describe("another run"),
  detail: detailArg,
});

/** Largest first: the first that fits is shown. */
const SIZES: readonly Sizes[] = [
  { tasks: 50, changes: 40, fields: 40, chars: 600 },
  { tasks: 15, changes: 12, fields: 15, chars: 300 },
  { tasks: 5, changes: 5, fields: 6, chars: 150 },
  { tasks: 2, changes: 2, fields: 3, chars: 80 },
];

export const compareRunsTool = defineTool({
  name: "compare_runs",
  title: "Compare runs",
  description:
    "What is different in a run: against its last good one (or any other run): parameters, versions, infrastructure, tasks (new, missing, slower, failed), durations, first diverging log line, and what changed in the workspace between.",
  input,
  output: z.looseObject({
    flow_run: z.looseObject({}).optional(),
    with: z.looseObject({}).optional(),
    ...metaOutput,
  }),
  aliases: { flow_run_id: "flow_run", id: "flow_run", other: "with" },
  async run({ query: ctx }, args) {
    const nowUs = serverNowUs(ctx);
    const { id } = await resolveName(ctx, "flow_run", args.flow_run);
    const other = args.with === undefined ? undefined : await resolveName(ctx, "flow_run", args.with);
    const found = await compareRuns(ctx, id, other?.id);
    const meta = freshnessFields(found.freshness);
    const budget = args.detail === "full" ? MAX_TOKENS : DEFAULT_TOKENS;
    const sizes = args.detail === "full" ? SIZES : SIZES.slice(1);
    for (const [index, size] of sizes.entries()) {
      const item = await comparisonItem(found, size);
      const structured = { ...item, ...meta };
      const [head = sentence``, ...notes] = linesWithoutWindow(found.freshness, nowUs);
      const title = sentence`compared with ${found.reason} | ${head}`;
      const text = answerText([title, ...notes, fenced(comparisonLines(item))]);
      const isSmall = Math.max(estimateTokens(text), estimateJsonTokens(structured)) <= budget;
      if (isSmall || index === sizes.length - 1)
        return {
          structured,
          text,
          untrusted: ["flow_run", "with", "parameters", "versions", "infrastructure", "tasks", "logs", "changes"],
        };
    }
    throw new Error("unreachable: the last size is always shown");
  },
});
