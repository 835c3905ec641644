-- Words of the text indexes, for searching parts of words. These tables take no space: they read the index.
-- https://www.sqlite.org/fts5.html#the_fts5vocab_virtual_table_module
CREATE VIRTUAL TABLE `block_word` USING fts5vocab(block_fts, row);
--> statement-breakpoint
CREATE VIRTUAL TABLE `log_word` USING fts5vocab(log_fts, row);
--> statement-breakpoint
-- What was indexed until now has other words for texts of scripts without spaces (src/model/text/words.ts).
INSERT INTO `sync_state`(`key`, `value`, `at_us`)
SELECT 'text.before', json_object('block', (SELECT coalesce(max(`id`), 0) FROM `block`), 'log', (SELECT coalesce(max(`seq`), 0) FROM `log`)), 0;
