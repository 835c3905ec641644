import { expect, test } from "bun:test";
import { ALL_PERMISSIONS, readPermissions } from "../../src/model/verbs.ts";

const allowed = (...words: string[]) => [...readPermissions(words).allowed];

test("nothing is allowed without a word, and by off", () => {
  expect([allowed(), allowed("off"), allowed(""), allowed("false")]).toEqual([[], [], [], []]);
});

test("all, a verb, a tool and a verb of a tool allow what they name", () => {
  expect(allowed("all")).toEqual([...ALL_PERMISSIONS]);
  expect(allowed("Cancel")).toEqual(["change_flow_run.cancel"]);
  expect(allowed("pause")).toEqual(["change_schedule.pause", "change_work_pool.pause"]);
  expect(allowed("run_deployment")).toEqual(["run_deployment.run", "run_deployment.backfill"]);
  expect(allowed("change_work_pool.pause", "retry")).toEqual(["change_work_pool.pause", "change_flow_run.retry"]);
});

test("a word that names nothing allows nothing and is reported", () => {
  expect(readPermissions(["delete", "cancel", "change_flow_run.pause"])).toEqual({
    allowed: new Set(["change_flow_run.cancel"]),
    unknown: ["delete", "change_flow_run.pause"],
  });
});
