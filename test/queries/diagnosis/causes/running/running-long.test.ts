import { expect, test } from "bun:test";
import { runningLong } from "../../../../../src/queries/diagnosis/causes/running/running-long.ts";
import { aFlowRun, aLog, at } from "../../../../support/builders.ts";
import { factsOfRun, onlyFinding } from "../../../../support/diagnosis/facts.ts";

const history = [10, 20, 30].map((total_run_time) => aFlowRun({ total_run_time }));
const running = (seconds: number) => ({ name: "r", state_type: "RUNNING" as const, start_time: at(3_600 - seconds) });

test("longer than three times the longest before: an inference, with the last log line", () => {
  const logs = [aLog({ message: "connecting to warehouse" })];
  const found = onlyFinding(runningLong, factsOfRun(running(600), { history, logs }));
  expect<unknown>(found.summary).toBe(
    "r (load-orders/nightly) has been Running for 10 min; the longest of 3 earlier runs took 30 s. It is slow or hangs: this is inferred from its history.",
  );
  expect(found.evidence).toMatchObject({ last_log_line: { message: "connecting to warehouse" } });
});

test("not within three times, not without a history, not when it has ended", () => {
  expect(runningLong.judge(factsOfRun(running(80), { history }))).toEqual([]);
  expect(runningLong.judge(factsOfRun(running(600), { history: history.slice(1) }))).toEqual([]);
  expect(runningLong.judge(factsOfRun({ ...running(600), state_type: "COMPLETED" }, { history }))).toEqual([]);
});
