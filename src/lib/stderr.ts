/** stderr without waiting for a reader and without Node's streams, which take 10 ms at the start of a process. */
let sink: ReturnType<typeof Bun.stderr.writer> | null = null;
let pending: Promise<unknown> = Promise.resolve();

/** Nobody may be reading the log: that is no error of the program. */
export function writeStderr(text: string): void {
  sink ??= Bun.stderr.writer();
  const done = Promise.all([sink.write(text), sink.flush()]).catch(() => undefined);
  pending = Promise.all([pending, done]);
}

/** Resolves when what was written has left the process. */
export async function flushStderr(): Promise<void> {
  await pending;
}
