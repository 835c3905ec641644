-- The writer keeps these tables once a batch, in the transaction of the rows (src/store/events/event-hours.ts,
-- src/store/runs/run-names.ts): a trigger runs once a row. Triggers of deleted and renamed rows stay.
DROP TRIGGER `event_inserted`;
--> statement-breakpoint
DROP TRIGGER `flow_run_named`;
--> statement-breakpoint
DROP TRIGGER `task_run_named`;
