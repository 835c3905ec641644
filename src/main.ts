#!/usr/bin/env bun
/** The process: arguments in, exit code out, signals into one AbortController. The sync Worker runs this file too. */
import { systemClock } from "./lib/clock.ts";

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
/**
 * After a signal the process exits at the latest after this time, even if something does not end. Usually it takes a tenth of a second;
 * on a busy machine the Worker needs longer to store what it has received and to checkpoint the record.
 */
const FORCE_AFTER_MS = 5_000;

async function runProcess(): Promise<void> {
  const stop = new AbortController();
  let forceAfterMs = FORCE_AFTER_MS;
  const endWithin = (ms: number) => {
    forceAfterMs = ms;
  };
  for (const [signal, code] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(code);
      stop.abort(code);
      void systemClock.sleep(forceAfterMs).then(() => process.exit(code));
    });
  }
  const { runCommandLine } = await import("./cli/run.ts");
  const context = { entry: Bun.main, signal: stop.signal, endWithin, onUncaught };
  const code = await runCommandLine(process.argv.slice(2), context);
  process.exit(code);
}

/** Reports uncaught errors and unhandled rejections; the process exits with 1 unless `report` returns true. */
function onUncaught(report: (error: unknown) => boolean): void {
  const reportOrExit = (error: unknown) => {
    if (!report(error)) process.exit(1);
  };
  process.on("uncaughtException", reportOrExit);
  process.on("unhandledRejection", reportOrExit);
}

async function runSyncWorker(): Promise<void> {
  const { runWorker } = await import("./app/worker.ts");
  runWorker();
}

// `Bun.isMainThread`, because loading node:worker_threads takes 5 ms at each start.
if (Bun.isMainThread) void runProcess();
else void runSyncWorker();
