/** How much later than the fact itself Prefect shows it. */
import { MINUTE_US, SECOND_US } from "../../lib/time.ts";

/**
 * A flow run's event is published before its row is committed, for which the server waits up to a minute on SQLite
 * (`busy_timeout`). A row that is missing for longer than this will not be written any more: the transaction was rolled back.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/database/configurations.py
 */
export const FLOW_RUN_ROW_DELAY_US = 2 * MINUTE_US;

/**
 * A service of the server writes the rows of task runs from their events: about 5 s later, minutes when the machine is busy, and
 * never when it gave up. A row that is missing for longer than this will not be written any more.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/services/task_run_recorder.py
 */
export const TASK_RUN_ROW_DELAY_US = 10 * MINUTE_US;

/** Hooks, workers and processes that outlive a flow run write log lines after its end; none are expected later than this. */
export const LAST_LOG_DELAY_US = 10 * MINUTE_US;

/**
 * A scheduled run gets the state Late this long after its time.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/settings/models/server/services.py
 */
export const LATE_AFTER_US = 15 * SECOND_US;
