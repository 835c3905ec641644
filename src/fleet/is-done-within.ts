import type { Clock } from "../lib/clock.ts";

export async function isDoneWithin(task: Promise<void>, ms: number, clock: Clock): Promise<boolean> {
  const done = new AbortController();
  const late = clock.sleep(ms, done.signal).then(() => false);
  const isDone = await Promise.race([task.then(() => true), late]);
  done.abort();
  return isDone;
}
