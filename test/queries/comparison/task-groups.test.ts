import { expect, test } from "bun:test";
import { compareTasks, taskName } from "../../../src/queries/comparison/task-groups.ts";
import { aTaskRun, at } from "../../support/builders.ts";

/** `count` runs of a task that took so many seconds. */
function tasks(name: string, count: number, seconds: number, state: "COMPLETED" | "FAILED" = "COMPLETED") {
  return Array.from({ length: count }, (_, n) =>
    aTaskRun({
      name: `${name}-${(n + 300).toString(16)}`,
      state_type: state,
      start_time: at(n),
      end_time: at(n + seconds),
    }),
  );
}

test("takes runs of one task together, whatever Prefect adds to their names", () => {
  expect(["load-a1b", "load-12", "load", "re-load-fff", "load-customers"].map((name) => taskName({ name }))).toEqual([
    "load",
    "load",
    "load",
    "re-load",
    "load-customers",
  ]);
});

test("finds new, missing, failed and slower tasks", () => {
  const now = [
    ...tasks("read", 3, 9),
    ...tasks("write", 1, 2, "FAILED"),
    ...tasks("check", 1, 1),
    ...tasks("send", 2, 1.4),
  ];
  const before = [...tasks("read", 2, 3), ...tasks("write", 1, 2), ...tasks("clean", 1, 1), ...tasks("send", 2, 1)];
  const found = compareTasks(now, before);
  expect(found.added.map(({ name }) => name)).toEqual(["check"]);
  expect(found.missing.map(({ name }) => name)).toEqual(["clean"]);
  expect(found.failed).toMatchObject([{ name: "write", now: { failed: 1 }, before: { failed: 0 } }]);
  expect(found.slower).toMatchObject([{ name: "read", now: { runs: 3, meanSeconds: 9 }, before: { meanSeconds: 3 } }]);
  // `send` is 0.4 s slower, which is noise.
  expect(found.same).toBe(1);
});
