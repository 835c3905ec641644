/** All causes, from what is closest to the run to what is farthest from it: the last criterion of the ranking. */

import type { CauseModule } from "../findings/types.ts";
import {
  automationActionFailed,
  automationDisabled,
  automationFired,
  automationNotFired,
  automationUnknownEvent,
  automationUnknownResource,
} from "./automations/automation.ts";
import { automationRunFailed } from "./automations/automation-run.ts";
import { cancelled } from "./ended/cancelled.ts";
import { crashed } from "./ended/crashed.ts";
import { durationRegression } from "./ended/duration-regression.ts";
import { errorsInLog } from "./ended/errors-in-log.ts";
import { completedAfterRetry, failed, timedOut } from "./ended/failed.ts";
import { failures } from "./ended/failures.ts";
import { flaky } from "./ended/flaky.ts";
import { flowRunDeleted } from "./ended/flow-run-deleted.ts";
import { rateLimited } from "./ended/rate-limited.ts";
import { retries } from "./ended/retries.ts";
import { runningLong } from "./running/running-long.ts";
import { cancellingStuck, pendingNoInfrastructure, zombieRun } from "./running/stuck.ts";
import { globalLimit, tagLimit } from "./running/task-limits.ts";
import { waitsForChild } from "./running/waits-for-child.ts";
import { deploymentDeleted } from "./waiting/deployment-deleted.ts";
import { deploymentLimit } from "./waiting/deployment-limit.ts";
import { deploymentPaused, noSchedule, scheduleInactive } from "./waiting/deployment-paused.ts";
import { leakedSlot } from "./waiting/leaked-slot.ts";
import { noWorkPool } from "./waiting/no-work-pool.ts";
import { noWorker } from "./waiting/no-worker.ts";
import { awaitingRetry, paused, scheduledForLater } from "./waiting/not-due.ts";
import { scheduleEnded } from "./waiting/schedule-ended.ts";
import { workPoolLimit, workQueueLimit } from "./waiting/work-pool-limit.ts";
import { workPoolPaused } from "./waiting/work-pool-paused.ts";
import { workQueueNotPolled } from "./waiting/work-queue-not-polled.ts";
import { workQueuePaused } from "./waiting/work-queue-paused.ts";

export const CAUSES: readonly CauseModule[] = [
  flowRunDeleted,
  crashed,
  failed,
  timedOut,
  cancelled,
  paused,
  awaitingRetry,
  scheduledForLater,
  deploymentDeleted,
  deploymentPaused,
  scheduleInactive,
  scheduleEnded,
  noWorkPool,
  workPoolPaused,
  workQueuePaused,
  leakedSlot,
  deploymentLimit,
  workPoolLimit,
  workQueueLimit,
  noWorker,
  workQueueNotPolled,
  pendingNoInfrastructure,
  cancellingStuck,
  zombieRun,
  tagLimit,
  waitsForChild,
  globalLimit,
  runningLong,
  failures,
  retries,
  rateLimited,
  flaky,
  durationRegression,
  automationDisabled,
  automationActionFailed,
  automationRunFailed,
  automationUnknownEvent,
  automationUnknownResource,
  automationNotFired,
  automationFired,
  completedAfterRetry,
  errorsInLog,
  noSchedule,
];
