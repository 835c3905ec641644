/** Times of schedules against Prefect's own classes, also on days on which clocks are set. No server is started. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { formatIsoUs, parseIsoUs } from "../../src/lib/time.ts";
import type { JsonObject } from "../../src/model/objects.ts";
import { scheduleTimes } from "../../src/model/schedules/schedule-times.ts";
import { realPrefectTarget } from "../support/real-prefect/target.ts";

const ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"];
/** The clocks of each zone are set within one of the first two; within the last, none are. */
const SPANS = [
  ["2026-03-07T00:00:00Z", "2026-04-06T00:00:00Z"],
  ["2026-10-03T00:00:00Z", "2026-11-03T00:00:30Z"],
  ["2026-06-01T00:00:00Z", "2026-06-09T00:00:00Z"],
] as const;
const CRON = [
  ...[
    "0 * * * *",
    "*/15 * * * *",
    "30 2 * * *",
    "0 9 * * 1-5",
    "0 0 1,15 * *",
    "0 0 13 * 5",
    "0 2 L * *",
    "0 6 * * 5#2",
  ],
  ...[
    "15 1 * * sun",
    "@daily",
    "*/7 3 * * *",
    "0 0 * * 7",
    "0 12 * jan-mar mon,wed",
    "0 0 * * L5",
    "1-59/2 1 * * *",
    "0 0 * * * 30",
  ],
];
const INTERVALS = [3_600, 900, 86_400, 90_000, 604_800, 176_400, 45];
const ANCHORS = [
  "2026-01-01T09:00:00+00:00",
  "2025-07-01T02:30:00+00:00",
  "2027-01-01T02:30:00+00:00",
  "2026-01-01T07:30:00+00:00",
];
const RRULES = [
  ...[
    "FREQ=DAILY;BYHOUR=2;BYMINUTE=30;BYSECOND=0",
    "DTSTART:20260101T000000\nRRULE:FREQ=HOURLY",
    "DTSTART:20260101T000000\nRRULE:FREQ=HOURLY;INTERVAL=5",
    "FREQ=MONTHLY;BYDAY=-1FR",
  ],
  ...[
    "DTSTART:20250101T013000\nRRULE:FREQ=WEEKLY;BYDAY=MO,SU",
    "DTSTART:20260301T000000\nRRULE:FREQ=MINUTELY;INTERVAL=20",
  ],
  ...[
    "DTSTART:20260101T090000Z\nRRULE:FREQ=DAILY;COUNT=90",
    "FREQ=MONTHLY;BYMONTHDAY=-1,15;BYHOUR=9",
    "FREQ=DAILY;INTERVAL=3;WKST=SU",
  ],
  ...[
    "DTSTART:20200101T020000\nRRULE:FREQ=DAILY\nEXDATE:20260308T020000,20260329T020000",
    "FREQ=MONTHLY;BYSETPOS=-1;BYDAY=MO,TU,WE,TH,FR",
  ],
  ...[
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,TH;BYHOUR=1,2;BYMINUTE=15",
    "FREQ=YEARLY;BYWEEKNO=10,45;BYDAY=SU",
    "FREQ=YEARLY;BYYEARDAY=67,305",
  ],
  "DTSTART:20260101T000000\nRRULE:FREQ=DAILY;BYHOUR=3\nRRULE:FREQ=DAILY;BYHOUR=4\nRDATE:20260308T023000\nEXRULE:FREQ=WEEKLY;BYDAY=SU;BYHOUR=3",
];
const LIMIT = 150;

const schedules: readonly JsonObject[] = [
  ...CRON.flatMap((cron) => [true, false].map((day_or) => ({ cron, day_or }))),
  ...INTERVALS.flatMap((interval) => ANCHORS.map((anchor_date) => ({ interval, anchor_date }))),
  ...RRULES.map((rrule) => ({ rrule })),
];

async function prefectTimes(cases: readonly object[]): Promise<{ minor: number; times: string[][] }> {
  const script = join(import.meta.dir, "../support/questions/schedule_times.py");
  const child = Bun.spawn([join(realPrefectTarget().bin, "python"), script], {
    stdin: new Blob([JSON.stringify(cases)]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) throw new Error(stderr.slice(-2_000));
  return JSON.parse(stdout);
}

test("are those of Prefect", async () => {
  const cases = schedules.flatMap((schedule) =>
    ZONES.flatMap((timezone) =>
      SPANS.map(([from, to]) => ({ schedule: { ...schedule, timezone }, from, to, limit: LIMIT })),
    ),
  );
  const { minor, times } = await prefectTimes(cases);
  // From Python 3.13 on Prefect places skipped and repeated times in another way.
  const compared = cases.flatMap((one, index) =>
    minor < 13 || one.from === SPANS[2][0] ? [{ one, theirs: times[index] }] : [],
  );
  const different = compared.flatMap(({ one: { schedule, from, to }, theirs }) => {
    const range = { fromUs: parseIsoUs(from) ?? 0, toUs: parseIsoUs(to) ?? 0 };
    const ours = scheduleTimes(schedule, range, LIMIT)?.map((us) => String(formatIsoUs(us)));
    return Bun.deepEquals(ours, theirs) ? [] : [{ schedule, from, ours, theirs }];
  });
  expect(compared.length).toBeGreaterThan(300);
  expect(different.slice(0, 3)).toEqual([]);
});
