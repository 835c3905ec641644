/**
 * Loaded by `bun test` before every file (bunfig.toml; its `timeout` has no effect in Bun 1.4.5, which then ends tests and hooks after
 * 5 s). The limit only ends a test that would never end, so that no verdict depends on how fast the machine is: tests wait for
 * conditions with `waitUntil`, which gives up first and says what it was waiting for. No test sets a limit of its own.
 */
import { setDefaultTimeout } from "bun:test";

setDefaultTimeout(1_200_000);
