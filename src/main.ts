#!/usr/bin/env bun
/** The process: arguments in, exit code out, signals into one AbortController. The Worker enters here too. */
import { systemClock } from "./lib/clock.ts";

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
/** After a signal the process is gone within a second, whatever hangs. */
const FORCE_AFTER_MS = 900;

async function runProcess(): Promise<void> {
  const stop = new AbortController();
  for (const [signal, code] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(code);
      stop.abort(code);
      void systemClock.sleep(FORCE_AFTER_MS).then(() => process.exit(code));
    });
  }
  const { runCommandLine } = await import("./cli/run.ts");
  const code = await runCommandLine(process.argv.slice(2), { entry: Bun.main, signal: stop.signal, onStray });
  process.exit(code);
}

/** Errors that nobody awaited are reported; `report` says whether the process may go on. */
function onStray(report: (error: unknown) => boolean): void {
  const handle = (error: unknown) => {
    if (!report(error)) process.exit(1);
  };
  process.on("uncaughtException", handle);
  process.on("unhandledRejection", handle);
}

async function runSyncWorker(): Promise<void> {
  const { runWorker } = await import("./app/worker.ts");
  runWorker();
}

// `Bun.isMainThread`: loading node:worker_threads for it would cost every start 5 ms.
if (Bun.isMainThread) void runProcess();
else void runSyncWorker();
