import { expect, test } from "bun:test";
import { formatIsoUs, HOUR_US, SECOND_US } from "../../../../src/lib/time.ts";
import { isOnline } from "../../../../src/queries/diagnosis/findings/waiting.ts";
import { aWorker, T0_US } from "../../../support/builders.ts";

test.each([
  [-20, true],
  [-90, true],
  [-91, false],
  // The reading may have begun shortly before the heartbeat.
  [5, true],
  // From before the server clock was set back.
  [2 * 3_600, false],
])("a worker whose heartbeat is %p s from now is online: %p", (seconds, expected) => {
  const worker = aWorker({
    last_heartbeat_time: formatIsoUs(T0_US + seconds * SECOND_US),
    heartbeat_interval_seconds: 30,
  });
  expect(isOnline(worker, T0_US)).toBe(expected);
  expect(isOnline(worker, T0_US + 24 * HOUR_US)).toBe(false);
});
