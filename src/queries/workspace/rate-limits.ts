/** Throttling of a Prefect Cloud account. https://github.com/PrefectHQ/prefect/blob/main/src/prefect/client/cloud.py */

import { AppError } from "../../errors.ts";
import { largest } from "../../lib/lists.ts";
import { DAY_US, formatIsoUs, MINUTE_US, parseIsoUs, type ServerUs } from "../../lib/time.ts";
import type { Freshness } from "../../model/freshness.ts";
import type { ThrottlingPeriod } from "../../model/throttling.ts";
import { cloudIds } from "../../prefect/cloud.ts";
import { answerWhole } from "../source/answer.ts";
import type { QueryContext } from "../source/context.ts";
import { serverNowUs } from "../source/server-time.ts";

/** Groups of operations that Cloud limits together. The server ignores unknown ones. */
const KEYS = [
  "artifacts",
  "block_documents",
  "block_schemas",
  "block_types",
  "concurrency_limits",
  "deployments",
  "flows",
  "runs",
  "variables",
  "work_pools",
  "work_queues",
  "reading-events",
  "writing-events",
  "reading-logs",
  "writing-logs",
];
/** Throttled minutes at most this far apart form one period. */
const JOIN_US = 61_000_000;

export interface RateLimits {
  readonly since: string;
  readonly until: string;
  readonly periods: readonly ThrottlingPeriod[];
  readonly summary: {
    readonly total_throttling_periods: number;
    readonly affected_keys: readonly string[];
    readonly first_throttled_at: string | null;
    readonly last_throttled_at: string | null;
    readonly total_minutes_throttled: number;
  };
  readonly freshness: Freshness;
}

/** Default window: from three days ago to a minute ago. Throws AppError `invalid_input` on a Prefect server. */
export async function getRateLimits(
  ctx: QueryContext,
  asked: { sinceUs?: ServerUs | undefined; untilUs?: ServerUs | undefined },
): Promise<RateLimits> {
  const ids = cloudIds(ctx.instance);
  if (!ids) {
    throw new AppError("invalid_input", "rate limits exist on Prefect Cloud only, and this API is a Prefect server", {
      hint: "For 429 answers of a server behind a proxy, check that proxy.",
    });
  }
  const nowUs = serverNowUs(ctx);
  const since = formatIsoUs(asked.sinceUs ?? nowUs - 3 * DAY_US);
  const until = formatIsoUs(asked.untilUs ?? nowUs - MINUTE_US);
  const query = new URLSearchParams([
    ["since", since],
    ["until", until],
    ...KEYS.map((key): [string, string] => ["keys", key]),
  ]);
  const path = `/accounts/${ids.accountId}/rate-limits/usage?${query}`;
  const { value, freshness } = await answerWhole<unknown>(
    ctx,
    { what: "rate limits", readUs: null },
    {
      record: () => null,
      live: async (live) => ({ value: await live.api.getCloud(path, live.options()) }),
      isEmpty: () => true,
    },
  );
  const periods = throttlingPeriods(value);
  return { since, until, periods, summary: summarize(periods), freshness };
}

interface Minute {
  readonly at: string;
  readonly denied: ReadonlyMap<string, number>;
}

/** The throttled minutes of a usage answer, joined into periods. Arrays of a key may be shorter than `minutes`. */
export function throttlingPeriods(usage: unknown): ThrottlingPeriod[] {
  const { minutes = [], keys = {} } = (usage ?? {}) as { minutes?: readonly string[]; keys?: Record<string, Usage> };
  const throttled = minutes
    .map((at, index) => ({ at, denied: deniedAt(keys, index) }))
    .filter((minute) => minute.denied.size > 0);
  const groups: Minute[][] = [];
  for (const minute of throttled) {
    const last = groups.at(-1)?.at(-1);
    const isNear = last && (parseIsoUs(minute.at) ?? 0) - (parseIsoUs(last.at) ?? 0) <= JOIN_US;
    if (isNear) groups.at(-1)?.push(minute);
    else groups.push([minute]);
  }
  return groups.map(toPeriod);
}

interface Usage {
  readonly requested?: readonly number[];
  readonly granted?: readonly number[];
}

function deniedAt(keys: Readonly<Record<string, Usage>>, index: number): Map<string, number> {
  const denied = new Map<string, number>();
  for (const [key, { requested, granted }] of Object.entries(keys)) {
    const [asked, given] = [requested?.[index], granted?.[index]];
    if (asked !== undefined && given !== undefined && asked > given) denied.set(key, asked - given);
  }
  return denied;
}

function toPeriod(minutes: readonly Minute[]): ThrottlingPeriod {
  const keys = [...new Set(minutes.flatMap((minute) => [...minute.denied.keys()]))].sort();
  return {
    start: minutes[0]?.at ?? "",
    end: minutes.at(-1)?.at ?? "",
    duration_minutes: minutes.length,
    keys_affected: keys.map((key) => {
      const denied = minutes.map((minute) => minute.denied.get(key) ?? 0);
      return { key, total_denied: denied.reduce((sum, n) => sum + n, 0), peak_denied_per_minute: largest(denied) };
    }),
  };
}

function summarize(periods: readonly ThrottlingPeriod[]): RateLimits["summary"] {
  return {
    total_throttling_periods: periods.length,
    affected_keys: [...new Set(periods.flatMap((period) => period.keys_affected.map(({ key }) => key)))].sort(),
    first_throttled_at: periods[0]?.start ?? null,
    last_throttled_at: periods.at(-1)?.end ?? null,
    total_minutes_throttled: periods.reduce((sum, period) => sum + period.duration_minutes, 0),
  };
}
