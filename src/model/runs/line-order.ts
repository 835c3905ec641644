import { parseIsoUs } from "../../lib/time.ts";
import type { Log } from "../objects.ts";

/** Ids that are remembered: those of some hundred runs with lines of one time. */
const MAX_IDS = 20_000;

/**
 * The order of log lines. Prefect sorts them by timestamp only, so lines of one timestamp may come in another order each time, and a
 * cursor over them would repeat some and skip others. Here they keep the order in which they came first: the record numbers them by
 * arrival, and this remembers those that it does not have yet. Not by id: ids of one millisecond are random, and the order of arrival is
 * mostly that in which the lines were written.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/schemas/sorting.py
 */
export class LineOrder {
  /** Ids of lines that share their timestamp, in their order. */
  private readonly places = new Map<string, number>();
  private next = 0;

  /** The lines by time. `arrivalOf`: the recorded lines among those that share a timestamp, with their place by arrival. */
  arrange(logs: readonly Log[], arrivalOf: (ids: readonly string[]) => ReadonlyMap<string, number>): readonly Log[] {
    const timed = logs.map((log) => ({ log, us: parseIsoUs(log.timestamp) ?? 0, id: log.id.toLowerCase() }));
    timed.sort((a, b) => a.us - b.us);
    const isTied = timed.map(({ us }, index) => us === timed[index - 1]?.us || us === timed[index + 1]?.us);
    const tied = timed.filter((_, index) => isTied[index]);
    if (tied.length === 0) return timed.map(({ log }) => log);
    const arrivals = arrivalOf(tied.map(({ id }) => id));
    const place = ({ id }: { readonly id: string }) => arrivals.get(id) ?? Number.MAX_SAFE_INTEGER;
    tied.sort((a, b) => a.us - b.us || place(a) - place(b));
    // Lines that were shown before keep their order among themselves, whatever has been recorded since.
    const known = tied.filter(({ id }) => this.places.has(id));
    known.sort((a, b) => a.us - b.us || (this.places.get(a.id) ?? 0) - (this.places.get(b.id) ?? 0));
    const ordered = tied.map((line) => (this.places.has(line.id) ? (known.shift() ?? line) : line));
    this.remember(ordered.map(({ id }) => id));
    return timed.map((line, index) => (isTied[index] ? (ordered.shift() ?? line) : line).log);
  }

  private remember(ids: readonly string[]): void {
    for (const id of ids) {
      this.places.delete(id);
      this.places.set(id, this.next);
      this.next += 1;
    }
    for (const id of this.places.keys()) {
      if (this.places.size <= MAX_IDS) return;
      this.places.delete(id);
    }
  }
}
