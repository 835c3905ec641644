/** The Worker thread, the only writer of the record. */
import "../lib/zod-without-jit.ts";
import { credentialsOf } from "../config/credentials.ts";
import { toAppError } from "../errors.ts";
import { Backoff } from "../lib/backoff.ts";
import { systemClock } from "../lib/clock.ts";
import { createLogger, withFields } from "../lib/logger.ts";
import { writeStderr } from "../lib/stderr.ts";
import { addMs, NEVER_MS, type SteadyMs } from "../lib/time.ts";
import { createRedactor } from "../model/secrets/redact.ts";
import { redactLogger } from "../model/secrets/redact-logger.ts";
import { AccountBudget } from "../prefect/transport/account-budget.ts";
import type { WriterLease } from "../store/fence.ts";
import type { ChangeNotice } from "../sync/context/changes.ts";
import type { SyncSession } from "../sync/session.ts";
import { openSyncSession } from "./sync-session.ts";
import { decode, encode, type FromWorker, type ToWorker } from "./worker-messages.ts";

declare const self: Worker;

type Opening = Extract<ToWorker, { type: "open" }>;

/** Longest wait at the end for the proof that live answers came from the right server. The Worker has 4 s to end. */
const FINISH_LIVE_MS = 2_500;
/** How often the Worker of a fleet's node asks whether its lease is still held. */
const ASK_LEASE_MS = 500;

export function runWorker(): void {
  const host = new SessionHost((message) => self.postMessage(encode(message)));
  self.onmessage = async (event: MessageEvent) => {
    if (event.data instanceof SharedArrayBuffer) {
      host.accountMemory = event.data;
      return;
    }
    const message = decode<ToWorker>(event.data);
    await host.receive(message);
    if (message.type === "save-live") self.postMessage(encode({ type: "saved", chars: String(event.data).length }));
  };
  self.postMessage(encode({ type: "ready" }));
}

class SessionHost {
  /** Comes before the message `open`. */
  accountMemory: SharedArrayBuffer | null = null;
  private readonly send: (message: FromWorker) => void;
  private readonly stopping = new AbortController();
  private readonly backoff = new Backoff({ firstMs: 500, maxMs: 10_000 });
  private readonly following = Promise.withResolvers<void>();
  private session: SyncSession | null = null;
  private hasStarted = false;
  /** By this thread's steady clock. */
  private leaseUntilMs: SteadyMs = NEVER_MS;
  private readonly leased = Promise.withResolvers<void>();

  constructor(send: (message: FromWorker) => void) {
    this.send = send;
  }

  /** Resolves when the message was processed; for `open`, when it was begun. */
  async receive(message: ToWorker): Promise<void> {
    if (message.type === "open") {
      if (message.follow) this.following.resolve();
      void this.run(message);
    } else if (message.type === "lease") this.leaseAnswered(message.askedMs, message.leftMs);
    else if (message.type === "follow") this.following.resolve();
    else if (message.type === "save-live") await this.session?.saveLive(message.batch);
    else if (message.type === "client-active") this.session?.markClientActive();
    else this.stopping.abort();
  }

  /** Retries after each error until `stop`: a record that cannot be opened now (disk full, no permission) may be later. */
  private async run({ settings, version, label, fence, steadyMs }: Opening): Promise<void> {
    const { signal } = this.stopping;
    const clock = systemClock;
    const memory = this.accountMemory;
    // Behind by the time of the message: a pause is never shorter here than it has to be.
    const account = memory === null ? null : new AccountBudget(clock, memory, steadyMs - clock.steadyMs());
    const lease = fence === null ? undefined : await this.firstLease(fence);
    const redact = createRedactor({ credentials: credentialsOf(settings) });
    const plain = redactLogger(createLogger(settings.logLevel, writeStderr), redact);
    const logger = label === null ? plain : withFields(plain, { tenant: label });
    const onChange = (change: ChangeNotice) => this.send({ type: "change", change });
    let lastError = "";
    while (!signal.aborted) {
      try {
        this.session = openSyncSession({
          settings,
          version,
          clock,
          logger,
          onChange,
          ...(lease ? { lease } : {}),
          ...(account ? { account } : {}),
        });
        lastError = "";
        this.started();
        await this.follow(this.session);
      } catch (error) {
        const { code, message, hint = null } = toAppError(error);
        if (message !== lastError) logger.error("recording stopped and is tried again", { code, error: message, hint });
        lastError = message;
        this.started();
      } finally {
        this.session?.close();
        this.session = null;
      }
      await systemClock.sleep(this.backoff.next(), signal);
    }
    this.send({ type: "stopped" });
  }

  private started(): void {
    if (!this.hasStarted) this.send({ type: "started" });
    this.hasStarted = true;
  }

  /** The time that the main thread grants counts from when it was asked, so that a late message grants no more. */
  private leaseAnswered(askedMs: number, leftMs: number): void {
    const untilMs = addMs(askedMs as SteadyMs, leftMs);
    if (leftMs <= 0) this.leaseUntilMs = NEVER_MS;
    else if (untilMs > this.leaseUntilMs) this.leaseUntilMs = untilMs;
    this.leased.resolve();
  }

  private async firstLease(fence: number): Promise<WriterLease> {
    void this.keepAsking();
    await this.leased.promise;
    return { fence, isHeld: () => systemClock.steadyMs() < this.leaseUntilMs };
  }

  private async keepAsking(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      this.send({ type: "lease", askedMs: systemClock.steadyMs() });
      await systemClock.sleep(ASK_LEASE_MS, signal);
    }
  }

  private async follow(session: SyncSession): Promise<void> {
    const { signal } = this.stopping;
    const stopped = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    await Promise.race([this.following.promise, stopped]);
    if (!signal.aborted) await session.run(signal);
    await session.finishLive(FINISH_LIVE_MS);
  }
}
