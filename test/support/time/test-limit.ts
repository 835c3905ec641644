/**
 * Loaded by `bun test` before the tests (bunfig.toml). It gives all tests and hooks one limit, which only ends what would never end, so
 * that no verdict depends on how fast the machine is: tests wait for conditions with `waitUntil`, which gives up first and says what it
 * was waiting for. No test sets a limit of its own.
 *
 * Bun 1.4.5 ignores `timeout` in bunfig.toml, `setDefaultTimeout` is valid for one file, and a preloaded file is loaded once. So the call
 * is added to the first line of every test file.
 */
import { plugin } from "bun";

const LIMIT_MS = 1_200_000;
const CALL = `import { setDefaultTimeout as setLimit } from "bun:test"; setLimit(${LIMIT_MS}); `;

plugin({
  name: "one limit for all tests",
  setup(build) {
    build.onLoad({ filter: /\.test\.ts$/ }, async ({ path }) => ({
      loader: "ts",
      contents: CALL + (await Bun.file(path).text()),
    }));
  },
});
