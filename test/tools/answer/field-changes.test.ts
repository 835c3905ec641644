import { describe, expect, test } from "bun:test";
import { fieldChanges } from "../../../src/tools/answer/field-changes.ts";
import { anId, at } from "../../support/builders.ts";

const CRON = { cron: "0 9 * * 1-5", timezone: "Europe/Berlin", day_or: true };
const morning = {
  id: anId(1),
  created: at(0),
  updated: at(0),
  deployment_id: anId(9),
  schedule: CRON,
  active: true,
  max_scheduled_runs: null,
  parameters: {},
  slug: null,
};
const hourly = { ...morning, id: anId(2), schedule: { interval: 3_600, timezone: "UTC", anchor_date: at(0) } };
const schedules = (from: unknown, to: unknown) => fieldChanges({ schedules: { from, to } });

describe("changes of schedules", () => {
  test("name the schedule as get_deployments does, and only what differs", async () => {
    const off = { ...morning, updated: at(5), active: false };
    expect(await schedules([morning, hourly], [off, hourly])).toEqual([
      "schedule at 09:00, Monday through Friday (cron 0 9 * * 1-5, Europe/Berlin): active true → false",
    ]);
    const later = { ...off, schedule: { ...CRON, cron: "0 10 * * 1-5" }, parameters: { day: "today" } };
    expect(await schedules([morning], [later])).toEqual([
      "schedule at 09:00, Monday through Friday (cron 0 9 * * 1-5, Europe/Berlin) → at 10:00, Monday through Friday (cron 0 10 * * 1-5, Europe/Berlin)",
      "schedule at 10:00, Monday through Friday (cron 0 10 * * 1-5, Europe/Berlin): active true → false",
      'schedule at 10:00, Monday through Friday (cron 0 10 * * 1-5, Europe/Berlin): parameters {} → {"day":"today"}',
    ]);
    const moved = { ...hourly, schedule: { ...hourly.schedule, anchor_date: at(60) } };
    expect(await schedules([hourly], [moved])).toEqual([`schedule every 1h: anchor_date "${at(0)}" → "${at(60)}"`]);
  });

  test("name added and removed schedules, and match equal ones with new ids", async () => {
    expect(await schedules([], [{ ...morning, active: false }])).toEqual([
      "schedule added: at 09:00, Monday through Friday (cron 0 9 * * 1-5, Europe/Berlin) (off)",
    ]);
    expect(await schedules([morning, hourly], [hourly])).toEqual([
      "schedule removed: at 09:00, Monday through Friday (cron 0 9 * * 1-5, Europe/Berlin)",
    ]);
    expect(await schedules([morning], [{ ...morning, id: anId(3), active: false }])).toEqual([
      "schedule at 09:00, Monday through Friday (cron 0 9 * * 1-5, Europe/Berlin): active true → false",
    ]);
    expect(await schedules([morning], [{ ...morning, id: anId(3), updated: at(7) }])).toEqual([
      "schedules: saved again without a difference",
    ]);
  });
});

describe("changes of other fields", () => {
  test("show short values whole, in order of the fields", async () => {
    expect(
      await fieldChanges({ paused: { from: false, to: true }, parameters: { from: { n: 1 }, to: { n: 2 } } }),
    ).toEqual(['parameters: {"n":1} → {"n":2}', "paused: false → true"]);
  });

  test("show the members that differ of large objects and lists", async () => {
    const env = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`KEY_${n}`, `value ${n}`]));
    const from = { image: "etl:1", env };
    expect(
      await fieldChanges({ job_variables: { from, to: { image: "etl:1", env: { ...env, KEY_29: "other" } } } }),
    ).toEqual(['job_variables.env.KEY_29: "value 29" → "other"']);
    const tags = Array.from({ length: 40 }, (_, n) => `tag-${n}`);
    expect(await fieldChanges({ tags: { from: tags, to: [...tags.slice(1), "new"] } })).toEqual([
      'tags: removed "tag-0"',
      'tags: added "new"',
    ]);
    const steps = [{ run: "a".repeat(150) }, { run: "b" }];
    expect(await fieldChanges({ pull_steps: { from: steps, to: [steps[0], { run: "c" }] } })).toEqual([
      'pull_steps[1]: {"run":"b"} → {"run":"c"}',
    ]);
    const changed = Object.fromEntries(Object.keys(env).map((key) => [key, "x".repeat(9)]));
    const many = await fieldChanges({ env: { from: env, to: changed } });
    expect(many).toHaveLength(9);
    expect(many.at(-1)).toBe("22 more differences in env");
  });

  test("show long texts from shortly before the difference", async () => {
    const text = "a".repeat(300);
    const [change] = await fieldChanges({ description: { from: `${text}old`, to: `${text}new` } });
    expect(change).toBe(`description: …${"a".repeat(30)}old" → …${"a".repeat(30)}new"`);
  });
});
