CREATE TABLE `block` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`n` integer NOT NULL,
	`t_min` integer NOT NULL,
	`t_max` integer NOT NULL,
	`seen_us` integer NOT NULL,
	`data` blob NOT NULL
) STRICT;
--> statement-breakpoint
CREATE INDEX `block_newest` ON `block` (`t_max`,`t_min`);--> statement-breakpoint
CREATE INDEX `block_oldest` ON `block` (`t_min`,`t_max`);--> statement-breakpoint
CREATE TABLE `event` (
	`t` integer PRIMARY KEY NOT NULL,
	`shift` integer NOT NULL,
	`id` blob NOT NULL,
	`name_id` integer NOT NULL,
	`res_id` integer NOT NULL,
	`recv` integer NOT NULL,
	`blk` integer NOT NULL,
	`ofs` integer NOT NULL,
	`src` integer NOT NULL
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `event_id_unique` ON `event` (`id`);--> statement-breakpoint
CREATE INDEX `event_name_t` ON `event` (`name_id`);--> statement-breakpoint
CREATE INDEX `event_res_t` ON `event` (`res_id`);--> statement-breakpoint
CREATE TABLE `event_gone` (
	`t` integer PRIMARY KEY NOT NULL,
	`name_id` integer NOT NULL,
	`blk` integer NOT NULL,
	`ofs` integer NOT NULL
) STRICT;
--> statement-breakpoint
CREATE TABLE `event_hour` (
	`hour` integer NOT NULL,
	`name_id` integer NOT NULL,
	`n` integer NOT NULL,
	PRIMARY KEY(`hour`, `name_id`)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `event_name` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`name` text NOT NULL
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `event_name_name_unique` ON `event_name` (`name`);--> statement-breakpoint
CREATE TABLE `related` (
	`res_id` integer NOT NULL,
	`name_id` integer NOT NULL,
	`t` integer NOT NULL,
	PRIMARY KEY(`res_id`, `t`, `name_id`)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `resource` (
	`id` integer PRIMARY KEY NOT NULL,
	`resource_id` text NOT NULL,
	`name` text,
	`name_us` integer,
	`renamed` integer NOT NULL
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `resource_resource_id_unique` ON `resource` (`resource_id`);--> statement-breakpoint
CREATE INDEX `resource_capitals` ON `resource` (`resource_id`) WHERE resource_id <> lower(resource_id);--> statement-breakpoint
CREATE TABLE `coverage` (
	`seq` integer PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`scope` text NOT NULL,
	`from_us` integer NOT NULL,
	`to_us` integer NOT NULL,
	`source` text NOT NULL,
	`verified_us` integer NOT NULL,
	`server_count` integer,
	`record_count` integer
) STRICT;
--> statement-breakpoint
CREATE INDEX `coverage_range` ON `coverage` (`kind`,`scope`,`from_us`);--> statement-breakpoint
CREATE TABLE `sync_state` (
	`key` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL,
	`at_us` integer NOT NULL
) STRICT;
--> statement-breakpoint
CREATE TABLE `log` (
	`seq` integer PRIMARY KEY NOT NULL,
	`id` blob NOT NULL,
	`flow_run_id` blob,
	`task_run_id` blob,
	`ts_us` integer NOT NULL,
	`level` integer NOT NULL,
	`logger` text NOT NULL,
	`message` text NOT NULL
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `log_id_unique` ON `log` (`id`);--> statement-breakpoint
CREATE INDEX `log_flow_run` ON `log` (`flow_run_id`,`ts_us`);--> statement-breakpoint
CREATE INDEX `log_ts` ON `log` (`ts_us`);--> statement-breakpoint
CREATE TABLE `object` (
	`kind` text NOT NULL,
	`id` text NOT NULL,
	`name` text NOT NULL,
	`parent_id` text,
	`doc` text NOT NULL,
	`first_us` integer NOT NULL,
	`read_us` integer NOT NULL,
	`deleted_us` integer,
	PRIMARY KEY(`kind`, `id`)
) STRICT;
--> statement-breakpoint
CREATE INDEX `object_name` ON `object` (`kind`,`name`);--> statement-breakpoint
CREATE TABLE `object_change` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at_us` integer NOT NULL,
	`since_us` integer,
	`kind` text NOT NULL,
	`id` text NOT NULL,
	`name` text NOT NULL,
	`change` text NOT NULL,
	`diff` text NOT NULL
) STRICT;
--> statement-breakpoint
CREATE INDEX `object_change_at` ON `object_change` (`at_us`);--> statement-breakpoint
CREATE INDEX `object_change_object` ON `object_change` (`kind`,`id`);--> statement-breakpoint
CREATE TABLE `flow_run` (
	`id` blob PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`flow_id` blob,
	`deployment_id` blob,
	`work_queue_id` blob,
	`work_queue_name` text,
	`work_pool_name` text,
	`parent_task_run_id` blob,
	`flow_version` text,
	`idempotency_key` text,
	`created_by_id` blob,
	`created_by_type` text,
	`auto_scheduled` integer NOT NULL,
	`state_id` blob,
	`state_type` text,
	`state_name` text,
	`state_us` integer,
	`state_message` text,
	`run_count` integer NOT NULL,
	`expected_us` integer,
	`next_us` integer,
	`start_us` integer,
	`end_us` integer,
	`total_run_time` real NOT NULL,
	`tags` text NOT NULL,
	`created_us` integer,
	`doc` blob,
	`read_us` integer,
	`deleted_us` integer,
	`dirty` integer DEFAULT 0 NOT NULL,
	`begin_us` integer GENERATED ALWAYS AS (coalesce(start_us, expected_us)) VIRTUAL
) STRICT;
--> statement-breakpoint
CREATE INDEX `flow_run_begin` ON `flow_run` ("begin_us" desc,`created_us`);--> statement-breakpoint
CREATE INDEX `flow_run_expected` ON `flow_run` (`expected_us`,`created_us`);--> statement-breakpoint
CREATE INDEX `flow_run_state` ON `flow_run` (`state_type`,`state_us`);--> statement-breakpoint
CREATE INDEX `flow_run_flow` ON `flow_run` (`flow_id`,`begin_us`);--> statement-breakpoint
CREATE INDEX `flow_run_deployment` ON `flow_run` (`deployment_id`,`begin_us`);--> statement-breakpoint
CREATE INDEX `flow_run_name` ON `flow_run` (`name`,`created_us`);--> statement-breakpoint
CREATE INDEX `flow_run_parent` ON `flow_run` (`parent_task_run_id`) WHERE "parent_task_run_id" IS NOT NULL;--> statement-breakpoint
CREATE INDEX `flow_run_dirty` ON `flow_run` (`state_us`) WHERE "dirty" = 1;--> statement-breakpoint
CREATE INDEX `flow_run_deleted` ON `flow_run` (`deleted_us`) WHERE "deleted_us" IS NOT NULL;--> statement-breakpoint
CREATE TABLE `task_run` (
	`id` blob PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`flow_run_id` blob,
	`t` integer,
	`child_flow_run_id` blob,
	`state_id` blob,
	`state_type` text,
	`state_name` text,
	`state_us` integer,
	`state_message` text,
	`run_count` integer NOT NULL,
	`expected_us` integer,
	`next_us` integer,
	`start_us` integer,
	`end_us` integer,
	`total_run_time` real NOT NULL,
	`tags` text NOT NULL,
	`created_us` integer,
	`doc` blob,
	`read_us` integer,
	`deleted_us` integer
) STRICT;
--> statement-breakpoint
CREATE INDEX `task_run_flow_run` ON `task_run` (`flow_run_id`,`expected_us`);--> statement-breakpoint
CREATE INDEX `task_run_expected` ON `task_run` (`expected_us`,`created_us`);--> statement-breakpoint
CREATE INDEX `task_run_state` ON `task_run` (`state_type`,`state_us`);--> statement-breakpoint
CREATE INDEX `task_run_deleted` ON `task_run` (`deleted_us`) WHERE "deleted_us" IS NOT NULL;--> statement-breakpoint
-- Written by hand from here on, as are STRICT and WITHOUT ROWID above: drizzle-kit cannot declare them.
-- Counts per hour stay exact for inserts and deletes of any program. Hours are rounded down, also before 1970.
CREATE TRIGGER `event_inserted` AFTER INSERT ON `event` BEGIN
	INSERT INTO `event_hour` VALUES (
		(NEW.t - NEW.shift) / 3600000000 - (NEW.t - NEW.shift < 0 AND (NEW.t - NEW.shift) % 3600000000 <> 0), NEW.name_id, 1
	) ON CONFLICT DO UPDATE SET n = n + 1;
END;
--> statement-breakpoint
CREATE TRIGGER `event_deleted` AFTER DELETE ON `event` BEGIN
	UPDATE `event_hour` SET n = n - 1 WHERE name_id = OLD.name_id AND
		hour = (OLD.t - OLD.shift) / 3600000000 - (OLD.t - OLD.shift < 0 AND (OLD.t - OLD.shift) % 3600000000 <> 0);
	INSERT INTO `event_gone` VALUES (OLD.t, OLD.name_id, OLD.blk, OLD.ofs) ON CONFLICT DO NOTHING;
END;
--> statement-breakpoint
-- One document per full block (rowid = block.id): the words of its events. Which of the events has a word is found by reading the block.
CREATE VIRTUAL TABLE `block_fts` USING fts5(text, content='', contentless_delete=1, detail=none, tokenize='unicode61 remove_diacritics 2');
--> statement-breakpoint
-- rowid = log.seq: the words of message and logger name.
CREATE VIRTUAL TABLE `log_fts` USING fts5(text, content='', contentless_delete=1, detail=none, tokenize='unicode61 remove_diacritics 2');
