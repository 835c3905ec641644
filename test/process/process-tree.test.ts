import { expect, test } from "bun:test";
import { processState } from "../support/process/process-state.ts";
import { descendantsOf, signalAll } from "../support/process/process-tree.ts";
import { waitUntil } from "../support/time/wait-until.ts";

test("what a child of a test has started ends with it, also when it is killed and leaves them behind", async () => {
  const parent = Bun.spawn(["sh", "-c", "sh -c 'sleep 300; true' & wait"], { stdio: ["ignore", "ignore", "ignore"] });
  const below = await waitUntil(
    "both processes below it run",
    () => descendantsOf(parent.pid),
    (found) => found.length === 2,
  );
  parent.kill("SIGKILL");
  await parent.exited;
  signalAll(below, "SIGKILL");
  for (const pid of below)
    await waitUntil(`process ${pid} has ended`, () => /it has ended|zombie/.test(processState(pid)));
  expect(descendantsOf(parent.pid)).toEqual([]);
});
