/** Every cause there is, from the nearest to the run to the farthest: the last tie-break of the ranking. Nothing else. */
import type { CauseModule } from "../types.ts";
import { automationActionFailed, automationDisabled, automationFired, automationNotFired } from "./automation.ts";
import { crashed } from "./crashed.ts";
import { deploymentDeleted } from "./deployment-deleted.ts";
import { deploymentLimit } from "./deployment-limit.ts";
import { deploymentPaused, noSchedule, scheduleInactive } from "./deployment-paused.ts";
import { durationRegression } from "./duration-regression.ts";
import { errorsInLog } from "./errors-in-log.ts";
import { cancelled, completedAfterRetry, failed, timedOut } from "./failed.ts";
import { failures } from "./failures.ts";
import { flaky } from "./flaky.ts";
import { flowRunDeleted } from "./flow-run-deleted.ts";
import { noWorkPool } from "./no-work-pool.ts";
import { noWorker } from "./no-worker.ts";
import { awaitingRetry, paused, scheduledForLater } from "./not-due.ts";
import { rateLimited } from "./rate-limited.ts";
import { runningLong } from "./running-long.ts";
import { cancellingStuck, pendingNoInfrastructure, zombieRun } from "./stuck.ts";
import { globalLimit, tagLimit } from "./task-limits.ts";
import { waitsForChild } from "./waits-for-child.ts";
import { workPoolLimit, workQueueLimit } from "./work-pool-limit.ts";
import { workPoolPaused } from "./work-pool-paused.ts";
import { workQueueNotPolled } from "./work-queue-not-polled.ts";
import { workQueuePaused } from "./work-queue-paused.ts";

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
  noWorkPool,
  workPoolPaused,
  workQueuePaused,
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
  rateLimited,
  flaky,
  durationRegression,
  automationDisabled,
  automationActionFailed,
  automationNotFired,
  automationFired,
  completedAfterRetry,
  errorsInLog,
  noSchedule,
];
