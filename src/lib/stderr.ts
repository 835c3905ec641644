/** Writes to stderr without waiting, and without Node's streams, which cost 10 ms at the start of the process. */
let sink: ReturnType<typeof Bun.stderr.writer> | null = null;
let pending: Promise<unknown> = Promise.resolve();

/** Ignores errors: when nothing reads the log any more, the program continues. */
export function writeStderr(text: string): void {
  sink ??= Bun.stderr.writer();
  const writer = sink;
  // `write` may also throw at once.
  const done = (async () => Promise.all([writer.write(text), writer.flush()]))().catch(() => undefined);
  pending = Promise.all([pending, done]);
}

/** Resolves when everything has been written. */
export async function flushStderr(): Promise<void> {
  await pending;
}
