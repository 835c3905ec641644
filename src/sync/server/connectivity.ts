import type { AppError, ErrorCode } from "../../errors.ts";
import type { Clock } from "../../lib/clock.ts";
import { addUs, type LocalUs } from "../../lib/time.ts";

export interface ConnectivityError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | null;
}

/**
 * Whether Prefect answers, since when, and its last error. One per engine. `onChange` is called when Prefect becomes
 * reachable or unreachable, and when the error changes.
 */
export class Connectivity {
  private readonly clock: Clock;
  private readonly onChange: (isReachable: boolean) => void;
  private state: "unknown" | "reachable" | "lost" = "unknown";
  private changedUs: LocalUs;
  private lastAnswerUs: LocalUs = 0;
  private problem: ConnectivityError | null = null;

  constructor(clock: Clock, onChange: (isReachable: boolean) => void) {
    this.clock = clock;
    this.onChange = onChange;
    this.changedUs = clock.nowUs();
  }

  /** The wall clock was set by this much: the stored moments stay as long ago as they were. */
  localClockSet(byMs: number): void {
    this.changedUs = addUs(this.changedUs, Math.round(byMs * 1000));
    if (this.lastAnswerUs > 0) this.lastAnswerUs = addUs(this.lastAnswerUs, Math.round(byMs * 1000));
  }

  /** Prefect sent an answer without an error, or any websocket message. */
  answered(): void {
    this.lastAnswerUs = this.clock.nowUs();
    const hadProblem = this.problem !== null;
    this.problem = null;
    this.transition("reachable", hadProblem);
  }

  /** A request failed. A refused credential counts as lost too: Prefect runs, but gives no data. */
  failed(error: AppError): void {
    // These errors concern one request and say nothing about the connection.
    if (error.code === "invalid_input" || error.code === "not_found" || error.code === "rate_limited") {
      this.answered();
      return;
    }
    const isNew = this.problem?.code !== error.code || this.problem.message !== error.message;
    this.problem = { code: error.code, message: error.message, hint: error.hint ?? null };
    this.transition("lost", isNew);
  }

  get isReachable(): boolean {
    return this.state === "reachable";
  }

  get fact(): { reachable: boolean; sinceUs: LocalUs; lastContactUs: LocalUs; error: ConnectivityError | null } {
    return {
      reachable: this.isReachable,
      sinceUs: this.changedUs,
      lastContactUs: this.lastAnswerUs,
      error: this.problem,
    };
  }

  private transition(next: "reachable" | "lost", changed: boolean): void {
    if (this.state !== next) {
      this.state = next;
      this.changedUs = this.clock.nowUs();
      this.onChange(this.isReachable);
    } else if (changed) this.onChange(this.isReachable);
  }
}
