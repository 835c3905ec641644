import { approximateChars } from "../../lib/json-size.ts";
import type { PrefectEvent } from "../../model/events/event.ts";

export interface QueueLimits {
  readonly maxEvents: number;
  /** As JSON text. Prefect accepts events of 1.5 MB by default, so a limit of their number alone does not bound memory. */
  readonly maxChars: number;
}

/** Events that wait to be stored, oldest first. Above a limit the oldest are dropped. */
export class EventQueue {
  private readonly limits: QueueLimits;
  private entries: { readonly event: PrefectEvent; readonly chars: number }[] = [];
  private held = 0;

  constructor(limits: QueueLimits) {
    this.limits = limits;
  }

  get size(): number {
    return this.entries.length;
  }

  get chars(): number {
    return this.held;
  }

  /** Returns how many events were dropped. A single event is never dropped, whatever its size. */
  push(events: readonly PrefectEvent[]): number {
    for (const event of events) {
      const chars = approximateChars(event);
      this.entries.push({ event, chars });
      this.held += chars;
    }
    let dropped = 0;
    let left = this.held;
    for (const { chars } of this.entries) {
      const rest = this.entries.length - dropped;
      if (rest <= 1 || (rest <= this.limits.maxEvents && left <= this.limits.maxChars)) break;
      left -= chars;
      dropped += 1;
    }
    this.remove(dropped);
    return dropped;
  }

  /** The oldest events, as many as both limits allow, but at least one if there is any. They stay until they are removed. */
  first({ maxEvents, maxChars }: QueueLimits): PrefectEvent[] {
    const events: PrefectEvent[] = [];
    let taken = 0;
    for (const { event, chars } of this.entries) {
      if (events.length > 0 && (events.length >= maxEvents || taken + chars > maxChars)) break;
      events.push(event);
      taken += chars;
    }
    return events;
  }

  /** Removes the oldest events. */
  remove(count: number): void {
    for (const { chars } of this.entries.splice(0, count)) this.held -= chars;
  }
}
