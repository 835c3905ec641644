/** Clocks of the simulated machines, which are set, and machines that are suspended. */
import type { RawClocks } from "../../src/lib/clock.ts";
import { EPOCH_US, type VirtualTime } from "./virtual-time.ts";

interface Setting {
  readonly fromMs: number;
  /** The clock minus true time. */
  readonly skewMs: number;
  /** An answer has shown it. */
  isShown: boolean;
}

export class SimWallClock {
  private readonly time: VirtualTime;
  /** Newest last. */
  private readonly settings: Setting[];
  /** How many of the last settings the record may still be dated by. */
  private unsettled = 1;

  constructor(time: VirtualTime, skewMs: number) {
    this.time = time;
    this.settings = [{ fromMs: Number.NEGATIVE_INFINITY, skewMs, isShown: true }];
  }

  set(byMs: number): void {
    this.settings.push({ fromMs: this.time.nowMs, skewMs: this.skewMs + byMs, isShown: false });
    this.unsettled += 1;
  }

  /** From now on, times in the record have to be those of the present setting. */
  settle(): void {
    this.unsettled = 1;
  }

  get isSettled(): boolean {
    return this.unsettled === 1;
  }

  get wasSet(): boolean {
    return this.settings.length > 1;
  }

  /** Whether it was set to an earlier time than `us` after a moment of true time. */
  wasSetTo(us: number, afterMs: number): boolean {
    return this.settings.some(({ fromMs, skewMs }) => fromMs > afterMs && EPOCH_US + (fromMs + skewMs) * 1000 < us);
  }

  /** When the clock was set last. */
  get setMs(): number {
    return this.settings.at(-1)?.fromMs ?? 0;
  }

  get skewMs(): number {
    return this.settings.at(-1)?.skewMs ?? 0;
  }

  nowUs(): number {
    return Math.round(EPOCH_US + (this.time.nowMs + this.skewMs) * 1000);
  }

  /** What it showed at a moment of true time. */
  usAt(trueMs: number): number {
    const setting = this.settings.findLast((one) => one.fromMs <= trueMs);
    return EPOCH_US + (trueMs + (setting?.skewMs ?? 0)) * 1000;
  }

  /** An answer shows the present setting. */
  show(): void {
    const setting = this.settings.at(-1);
    if (setting) setting.isShown = true;
  }

  /** The same as `usAt` for someone who knows only the settings that an answer has shown. */
  shownUsAt(trueMs: number): number {
    const setting = this.settings.findLast((one) => one.fromMs <= trueMs && one.isShown);
    return EPOCH_US + (trueMs + (setting?.skewMs ?? 0)) * 1000;
  }

  /** The earliest true time at which a process that does not know yet how the clock was set may have read `us`. */
  earliestMs(us: number): number {
    return Math.min(...this.settings.slice(-this.unsettled).map((one) => trueMs(us, one)));
  }

  /** The latest true time that is past and at which some setting of the clock showed `us`. */
  latestMs(us: number): number {
    const past = this.settings.map((one) => trueMs(us, one)).filter((ms) => ms <= this.time.nowMs + 0.001);
    return Math.max(...past);
  }
}

function trueMs(us: number, { skewMs }: Setting): number {
  return (us - EPOCH_US) / 1000 - skewMs;
}

/** Which clocks of a system count a suspend. All systems' wall clocks do. */
export interface SuspendCount {
  readonly monotonic: boolean;
  readonly uptime: boolean;
}

interface Suspend extends SuspendCount {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** The machine of the product's processes. */
export class SimMachine {
  readonly wall: SimWallClock;
  private readonly time: VirtualTime;
  private readonly suspends: Suspend[] = [];

  constructor(time: VirtualTime, skewMs: number) {
    this.time = time;
    this.wall = new SimWallClock(time, skewMs);
  }

  /** It is suspended from now on, or from the end of the present suspend. */
  suspend(untilMs: number, count: SuspendCount): void {
    const fromMs = Math.max(this.time.nowMs, ...this.suspends.map((one) => one.untilMs));
    if (untilMs > fromMs) this.suspends.push({ ...count, fromMs, untilMs });
  }

  readonly clocks: RawClocks = {
    wallMs: () => Math.floor(this.wall.nowUs() / 1000),
    monotonicMs: () => this.time.nowMs - this.uncountedMs("monotonic"),
    uptimeS: () => Math.ceil((UPTIME_MS + this.time.nowMs - this.uncountedMs("uptime")) / 1000),
  };

  private uncountedMs(by: keyof SuspendCount): number {
    const { nowMs } = this.time;
    let ms = 0;
    for (const one of this.suspends) if (!one[by]) ms += Math.max(0, Math.min(nowMs, one.untilMs) - one.fromMs);
    return ms;
  }
}

/** Since the machine was started, when the schedule begins. */
const UPTIME_MS = 86_400_000;
