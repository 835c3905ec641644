import { parseJson } from "../lib/exact-json.ts";
import { oneLine, own } from "../lib/shown-text.ts";
import { formatIsoSeconds, formatIsoUs } from "../lib/time.ts";
import { readActionLog } from "../store/actions/action-log.ts";
import { chosenSettings } from "./arguments/chosen-settings.ts";
import { UsageError } from "./arguments/usage-error.ts";
import type { CommandContext } from "./command.ts";
import { table } from "./terminal/table.ts";

const DEFAULT_ENTRIES = 50;
const MAX_ENTRIES = 100_000;

/** Prints what was previewed, sent and refused, newest first. */
export async function runAuditLog(ctx: CommandContext): Promise<number> {
  const { invocation, out } = ctx;
  const limit = Number(invocation.values.limit ?? DEFAULT_ENTRIES);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_ENTRIES)
    throw new UsageError(own("--limit has to be a whole number from 1 to 100,000."), own("Such as --limit 200."));
  const { settings } = (await chosenSettings(ctx)).current();
  const isOfOne = invocation.values.workspace !== undefined;
  const entries = readActionLog(settings.actionLogFile, isOfOne ? MAX_ENTRIES : limit)
    .filter(({ instance }) => !isOfOne || instance === settings.apiUrl)
    .slice(0, limit);
  if (invocation.switches.has("json")) {
    out.json({
      entries: entries.map(({ atUs, detail, ...entry }) => ({
        at: formatIsoUs(atUs),
        ...entry,
        detail: parseJson(detail),
      })),
    });
    return 0;
  }
  if (entries.length === 0) out.line(own("Nothing was previewed or changed yet."));
  const rows = entries.map(({ atUs, phase, tool, verb, change, summary, instance, caller }) => [
    formatIsoSeconds(atUs),
    phase,
    `${tool}.${verb}`,
    change.slice(0, 12),
    summary,
    instance,
    caller,
  ]);
  out.lines(table(rows).map(oneLine));
  return 0;
}
