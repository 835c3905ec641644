CREATE TABLE `run_hour` (
	`hour` integer NOT NULL,
	`state` text NOT NULL,
	`late` integer NOT NULL,
	`n` integer NOT NULL,
	`started` integer NOT NULL,
	PRIMARY KEY(`hour`, `state`, `late`)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `run_name` (
	`id` integer PRIMARY KEY NOT NULL,
	`name` text NOT NULL
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `run_name_name_unique` ON `run_name` (`name`);--> statement-breakpoint
CREATE INDEX `run_name_beyond_ascii` ON `run_name` (`id`) WHERE name GLOB '*[^ -~]*';--> statement-breakpoint
CREATE INDEX `flow_run_newest` ON `flow_run` (coalesce(start_us, expected_us, state_us, 0));--> statement-breakpoint
CREATE INDEX `task_run_name` ON `task_run` (`name`);--> statement-breakpoint
CREATE INDEX `task_run_newest` ON `task_run` (coalesce(start_us, expected_us, state_us, 0));
--> statement-breakpoint
-- Written by hand from here on. Triggers keep both tables exact for writes of any program.
CREATE TRIGGER `flow_run_counted` AFTER INSERT ON `flow_run` BEGIN
	INSERT INTO `run_hour` SELECT coalesce(NEW.start_us, NEW.expected_us) / 3600000000 - (coalesce(NEW.start_us, NEW.expected_us) < 0 AND coalesce(NEW.start_us, NEW.expected_us) % 3600000000 <> 0),
		coalesce(NEW.state_type, ''), coalesce(NEW.state_name = 'Late', 0), 1, NEW.start_us IS NOT NULL
	WHERE NEW.deleted_us IS NULL AND coalesce(NEW.start_us, NEW.expected_us) IS NOT NULL
	ON CONFLICT DO UPDATE SET n = n + 1, started = started + excluded.started;
END;
--> statement-breakpoint
CREATE TRIGGER `flow_run_uncounted` AFTER DELETE ON `flow_run` BEGIN
	UPDATE `run_hour` SET n = n - 1, started = started - (OLD.start_us IS NOT NULL)
	WHERE OLD.deleted_us IS NULL AND coalesce(OLD.start_us, OLD.expected_us) IS NOT NULL AND hour = coalesce(OLD.start_us, OLD.expected_us) / 3600000000 - (coalesce(OLD.start_us, OLD.expected_us) < 0 AND coalesce(OLD.start_us, OLD.expected_us) % 3600000000 <> 0)
		AND state = coalesce(OLD.state_type, '') AND late = coalesce(OLD.state_name = 'Late', 0);
END;
--> statement-breakpoint
CREATE TRIGGER `flow_run_recounted` AFTER UPDATE OF `start_us`, `expected_us`, `state_type`, `state_name`, `deleted_us` ON `flow_run`
WHEN OLD.start_us IS NOT NEW.start_us OR OLD.expected_us IS NOT NEW.expected_us OR OLD.state_type IS NOT NEW.state_type
	OR OLD.state_name IS NOT NEW.state_name OR OLD.deleted_us IS NOT NEW.deleted_us
BEGIN
	UPDATE `run_hour` SET n = n - 1, started = started - (OLD.start_us IS NOT NULL)
	WHERE OLD.deleted_us IS NULL AND coalesce(OLD.start_us, OLD.expected_us) IS NOT NULL AND hour = coalesce(OLD.start_us, OLD.expected_us) / 3600000000 - (coalesce(OLD.start_us, OLD.expected_us) < 0 AND coalesce(OLD.start_us, OLD.expected_us) % 3600000000 <> 0)
		AND state = coalesce(OLD.state_type, '') AND late = coalesce(OLD.state_name = 'Late', 0);
	INSERT INTO `run_hour` SELECT coalesce(NEW.start_us, NEW.expected_us) / 3600000000 - (coalesce(NEW.start_us, NEW.expected_us) < 0 AND coalesce(NEW.start_us, NEW.expected_us) % 3600000000 <> 0),
		coalesce(NEW.state_type, ''), coalesce(NEW.state_name = 'Late', 0), 1, NEW.start_us IS NOT NULL
	WHERE NEW.deleted_us IS NULL AND coalesce(NEW.start_us, NEW.expected_us) IS NOT NULL
	ON CONFLICT DO UPDATE SET n = n + 1, started = started + excluded.started;
END;
--> statement-breakpoint
-- rowid = run_name.id: the words of the name.
CREATE VIRTUAL TABLE `run_name_fts` USING fts5(name, content='run_name', content_rowid='id', columnsize=0, detail=none, tokenize='unicode61 remove_diacritics 2');
--> statement-breakpoint
CREATE VIRTUAL TABLE `run_name_word` USING fts5vocab(run_name_fts, row);
--> statement-breakpoint
CREATE TRIGGER `run_name_added` AFTER INSERT ON `run_name` BEGIN
	INSERT INTO `run_name_fts`(rowid, name) VALUES (NEW.id, NEW.name);
END;
--> statement-breakpoint
CREATE TRIGGER `run_name_removed` AFTER DELETE ON `run_name` BEGIN
	INSERT INTO `run_name_fts`(run_name_fts, rowid, name) VALUES ('delete', OLD.id, OLD.name);
END;
--> statement-breakpoint
CREATE TRIGGER `flow_run_named` AFTER INSERT ON `flow_run` BEGIN
	INSERT INTO `run_name`(name) SELECT NEW.name WHERE NOT EXISTS (SELECT 1 FROM `run_name` WHERE name = NEW.name);
END;
--> statement-breakpoint
CREATE TRIGGER `flow_run_renamed` AFTER UPDATE OF `name` ON `flow_run` WHEN OLD.name <> NEW.name BEGIN
	INSERT INTO `run_name`(name) SELECT NEW.name WHERE NOT EXISTS (SELECT 1 FROM `run_name` WHERE name = NEW.name);
	DELETE FROM `run_name` WHERE name = OLD.name
		AND NOT EXISTS (SELECT 1 FROM `flow_run` WHERE name = OLD.name) AND NOT EXISTS (SELECT 1 FROM `task_run` WHERE name = OLD.name);
END;
--> statement-breakpoint
CREATE TRIGGER `flow_run_unnamed` AFTER DELETE ON `flow_run` BEGIN
	DELETE FROM `run_name` WHERE name = OLD.name
		AND NOT EXISTS (SELECT 1 FROM `flow_run` WHERE name = OLD.name) AND NOT EXISTS (SELECT 1 FROM `task_run` WHERE name = OLD.name);
END;
--> statement-breakpoint
CREATE TRIGGER `task_run_named` AFTER INSERT ON `task_run` BEGIN
	INSERT INTO `run_name`(name) SELECT NEW.name WHERE NOT EXISTS (SELECT 1 FROM `run_name` WHERE name = NEW.name);
END;
--> statement-breakpoint
CREATE TRIGGER `task_run_renamed` AFTER UPDATE OF `name` ON `task_run` WHEN OLD.name <> NEW.name BEGIN
	INSERT INTO `run_name`(name) SELECT NEW.name WHERE NOT EXISTS (SELECT 1 FROM `run_name` WHERE name = NEW.name);
	DELETE FROM `run_name` WHERE name = OLD.name
		AND NOT EXISTS (SELECT 1 FROM `flow_run` WHERE name = OLD.name) AND NOT EXISTS (SELECT 1 FROM `task_run` WHERE name = OLD.name);
END;
--> statement-breakpoint
CREATE TRIGGER `task_run_unnamed` AFTER DELETE ON `task_run` BEGIN
	DELETE FROM `run_name` WHERE name = OLD.name
		AND NOT EXISTS (SELECT 1 FROM `flow_run` WHERE name = OLD.name) AND NOT EXISTS (SELECT 1 FROM `task_run` WHERE name = OLD.name);
END;
--> statement-breakpoint
-- What is recorded already.
INSERT INTO `run_hour` SELECT coalesce(r.start_us, r.expected_us) / 3600000000 - (coalesce(r.start_us, r.expected_us) < 0 AND coalesce(r.start_us, r.expected_us) % 3600000000 <> 0), coalesce(r.state_type, ''),
	coalesce(r.state_name = 'Late', 0), count(*), coalesce(sum(r.start_us IS NOT NULL), 0)
FROM `flow_run` r WHERE r.deleted_us IS NULL AND coalesce(r.start_us, r.expected_us) IS NOT NULL GROUP BY 1, 2, 3;
--> statement-breakpoint
INSERT INTO `run_name`(name) SELECT name FROM `flow_run` UNION SELECT name FROM `task_run`;
