/**
 * Loaded by `bun test` before the tests (bunfig.toml), for tests that are run by hand. Tests and hooks have one limit, which only ends
 * what would never end, so that no verdict depends on how fast the machine is: tests wait for conditions with `waitUntil`, which gives
 * up first and says what it was waiting for. No test sets a limit of its own.
 *
 * Bun 1.4.5 ignores `timeout` in bunfig.toml, and this call is valid for the first file only. `bun run test` therefore passes the same
 * limit as an option; by hand, several files need `--timeout` as well. A plugin that adds the call to each file breaks macros.
 */
import { setDefaultTimeout } from "bun:test";
import { TEST_LIMIT_MS } from "../../../scripts/test-limit.ts";

setDefaultTimeout(TEST_LIMIT_MS);
