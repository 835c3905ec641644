import { z } from "zod";
import { counted, own, sentence } from "../../lib/shown-text.ts";
import { formatIsoSeconds } from "../../lib/time.ts";
import { type Forecast, getForecast } from "../../queries/forecast/forecast.ts";
import { resolveName } from "../../queries/names/names.ts";
import { serverNowUs } from "../../queries/source/server-time.ts";
import { badCursor, type CursorValue, decodeCursor, encodeCursor } from "../answer/cursor.ts";
import { isoRange } from "../answer/freshness.ts";
import { defineTool } from "../definition/define-tool.ts";
import { listAnswer } from "../definition/list-answer.ts";
import { DEFAULT_LIMIT, MAX_LIMIT, questionOf } from "../definition/list-arguments.ts";
import { limitArg, listOutput, textArg, tokenBudget } from "../definition/shared-schemas.ts";
import { collisionItem, collisionText, forecastItem, forecastRow, neverItem, neverText } from "./forecast-items.ts";

const NAME = "forecast";
const DEFAULT_HOURS = 24;
const MAX_HOURS = 24 * 31;
/** Collisions, and schedules that never fire, of one answer; the others are counted. */
const SHOWN = 8;

const input = z.strictObject({
  hours: z.number().positive().max(MAX_HOURS).optional(),
  deployment: textArg,
  work_pool: textArg,
  limit: limitArg(MAX_LIMIT),
  cursor: textArg,
});

export const forecastTool = defineTool({
  name: NAME,
  title: "Forecast",
  description:
    "What will run in the next hours (24): runs that Prefect has scheduled and that schedules will make, how long they take, how late they start for want of slots, collisions, schedules that never fire.",
  input,
  output: listOutput("runs", {
    collisions: z.array(z.looseObject({})).optional(),
    never_fires: z.array(z.looseObject({})).optional(),
    assumptions: z.array(z.string()).optional(),
  }),
  aliases: { deployment_id: "deployment", work_pool_name: "work_pool" },
  async run({ query: ctx }, args) {
    const nowUs = serverNowUs(ctx);
    const question = questionOf(ctx, NAME, args);
    const position = args.cursor === undefined ? undefined : readPosition(decodeCursor(question, args.cursor));
    const deployment =
      args.deployment === undefined ? undefined : await resolveName(ctx, "deployment", args.deployment);
    const pool = args.work_pool === undefined ? undefined : await resolveName(ctx, "work_pool", args.work_pool);
    const found = await getForecast(ctx, {
      hours: args.hours ?? DEFAULT_HOURS,
      deploymentId: deployment?.id,
      workPool: pool?.name,
    });
    const from = position === undefined ? 0 : indexAfter(found, position);
    const all = found.outcomes.map((one) => forecastItem(one, found.heldBy));
    const page = all.slice(from, from + (args.limit ?? DEFAULT_LIMIT));
    const late = found.outcomes.filter(({ waitsFor }) => waitsFor !== null).length;
    const collisions = found.collisions.slice(0, SHOWN);
    const never = found.neverFires.slice(0, SHOWN);
    const [moreCollisions, moreNever] = [
      found.collisions.length - collisions.length,
      found.neverFires.length - never.length,
    ];
    return listAnswer({
      key: "runs",
      noun: [own("run"), own("runs")],
      title: sentence` of ${all.length} due until ${formatIsoSeconds(found.window.toUs)}; ${late} of the ${all.length} ${late === 1 ? "waits or does not start" : "wait or do not start"}`,
      items: page,
      toRow: forecastRow,
      hasMore: from + page.length < all.length,
      cursorAfter: (index) => encodeCursor(question, positionAt(found, from + index)),
      freshness: found.freshness,
      nowUs,
      budget: tokenBudget(args),
      extra: {
        window: isoRange(found.window),
        total: all.length,
        late,
        collisions: collisions.map(collisionItem),
        ...(moreCollisions > 0 ? { more_collisions: moreCollisions } : {}),
        never_fires: never.map(neverItem),
        ...(moreNever > 0 ? { more_never_fires: moreNever } : {}),
        assumptions: found.assumptions,
      },
      facts: [
        ...collisions.map((one) => sentence`collision: ${collisionText(one)}`),
        ...(moreCollisions > 0 ? [counted(moreCollisions, "more collision")] : []),
        ...never.map((one) => sentence`never fires: ${neverText(one)}`),
        ...(moreNever > 0
          ? [counted(moreNever, "more schedule that never fires", "more schedules that never fire")]
          : []),
        ...found.assumptions.map((one) => sentence`assumed: ${one}`),
      ],
      order: ["deployment", "expected", "takes", "late_by", "waits_for"],
      none: sentence`No run is due.`,
    });
  },
});

/** After how many of the runs due at `us`. Runs begin between two pages, so their number in the list changes. */
interface Position {
  readonly us: number;
  readonly count: number;
}

function positionAt({ outcomes }: Forecast, index: number): CursorValue[] {
  const us = outcomes[index]?.run.expectedUs ?? 0;
  return [us, outcomes.slice(0, index + 1).filter(({ run }) => run.expectedUs === us).length];
}

function readPosition([us, count]: readonly CursorValue[]): Position {
  if (typeof us !== "number" || typeof count !== "number") throw badCursor("is damaged");
  return { us, count };
}

function indexAfter({ outcomes }: Forecast, { us, count }: Position): number {
  const first = outcomes.findIndex(({ run }) => run.expectedUs >= us);
  if (first < 0) return outcomes.length;
  const same = outcomes.filter(({ run }) => run.expectedUs === us).length;
  return first + Math.min(same, count);
}
