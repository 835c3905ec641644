/** The grid of a backfill: every combination of the values of some parameters. */
import { AppError } from "../../errors.ts";
import { isJsonObject } from "../../lib/exact-json.ts";
import { asName, asReason, counted, sentence } from "../../lib/shown-text.ts";
import { addUs, DAY_US, formatIsoUs, parseDurationUs, parseIsoUs, type ServerUs } from "../../lib/time.ts";
import type { Json, JsonObject } from "../../model/objects.ts";

const DEFAULT_RUNS = 20;
export const MAX_BACKFILL_RUNS = 50;

const EXAMPLE =
  'Such as {"day": {"from": "2026-01-01", "to": "2026-01-07"}} or {"region": ["eu", "us"]}; several parameters make a grid.';
const DATE = /^\d{4}-\d{2}-\d{2}$/;

/** The parameters of each run, in order. Throws AppError `invalid_input`. */
export function backfillGrid(grid: JsonObject, limit: number | undefined): JsonObject[] {
  const axes = Object.entries(grid).map(([name, values]) => ({ name, values: valuesOf(name, values) }));
  if (axes.length === 0) throw new AppError("invalid_input", "backfill names no parameter", { hint: EXAMPLE });
  const total = axes.reduce((product, { values }) => product * values.length, 1);
  const most = limit ?? DEFAULT_RUNS;
  if (total > most) {
    throw new AppError(
      "invalid_input",
      sentence`the backfill has ${counted(total, "run")}; at most ${most} are made at once`,
      {
        hint: sentence`Make it smaller, or give limit (at most ${MAX_BACKFILL_RUNS}); several calls make the rest. Nothing was sent.`,
      },
    );
  }
  let rows: JsonObject[] = [{}];
  for (const { name, values } of axes) rows = rows.flatMap((row) => values.map((value) => ({ ...row, [name]: value })));
  return rows;
}

function valuesOf(name: string, values: Json): readonly Json[] {
  if (Array.isArray(values) && values.length > 0) return values as readonly Json[];
  if (isJsonObject(values)) return datesOf(name, values as JsonObject);
  throw new AppError(
    "invalid_input",
    sentence`backfill.${asName(name)} has to be a list of values or a range of dates`,
    {
      hint: EXAMPLE,
    },
  );
}

/** Days are written as days, other times as ISO 8601 in UTC. `to` is the last one. */
function datesOf(name: string, { from, to, step = "1d", ...others }: JsonObject): string[] {
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw new AppError(
      "invalid_input",
      sentence`backfill.${asName(name)}: a range of times has no ${asName(unknown)}`,
      {
        hint: sentence`It has from, to and step. ${asReason(EXAMPLE)}`,
      },
    );
  }
  const texts = [from, to].map((text) => String(text).trim());
  const isDay = texts.every((text) => DATE.test(text));
  const [fromUs, toUs] = texts.map((text) => parseIsoUs(isDay ? `${text}T00:00:00Z` : text));
  const stepUs = parseDurationUs(String(step));
  if (fromUs === undefined || toUs === undefined || stepUs === undefined || stepUs <= 0) {
    throw new AppError(
      "invalid_input",
      sentence`backfill.${asName(name)}: from, to and step are not a range of times`,
      {
        hint: EXAMPLE,
      },
    );
  }
  if (stepUs % DAY_US === 0 && new Set(texts.map(offsetOf)).size > 1) {
    throw new AppError("invalid_input", sentence`backfill.${asName(name)}: from and to have different UTC offsets`, {
      hint: 'Where clocks change, days have not 24 h. Give days such as "2026-03-28", one offset, or the times as a list.',
    });
  }
  if (toUs < fromUs) throw new AppError("invalid_input", sentence`backfill.${asName(name)}: from is after to`);
  const count = Math.floor((toUs - fromUs) / stepUs) + 1;
  if (count > 1_000) {
    throw new AppError("invalid_input", sentence`backfill.${asName(name)} has ${counted(count, "time")}`, {
      hint: sentence`At most ${MAX_BACKFILL_RUNS} runs are made at once. ${asReason(EXAMPLE)}`,
    });
  }
  const areDays = isDay && stepUs % DAY_US === 0;
  return Array.from({ length: count }, (_, index) => {
    const at: ServerUs = addUs(fromUs, index * stepUs);
    const text = formatIsoUs(at);
    return areDays ? text.slice(0, 10) : text;
  });
}

/** `Z` is `+00:00`, and so is a time without one. */
function offsetOf(text: string): string {
  const found = /([+-]\d\d):?(\d\d)$/.exec(text.slice(10));
  return found === null ? "+00:00" : `${found[1]}:${found[2]}`;
}
