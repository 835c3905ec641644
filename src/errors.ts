import { asReason, type Checked, type Sentence } from "./lib/shown-text.ts";

/**
 * The only error class of the program. `retryable` follows from the code, so that no loop has to check status numbers.
 * `message` and `hint` reach the client: they contain no credential, and no path but the user's own.
 */
export type ErrorCode =
  | "invalid_input"
  | "invalid_config"
  | "not_found"
  | "unauthorized"
  | "rate_limited"
  | "unavailable"
  | "internal";

const RETRYABLE: Record<ErrorCode, boolean> = {
  invalid_input: false,
  invalid_config: false,
  not_found: false,
  unauthorized: false,
  rate_limited: true,
  unavailable: true,
  internal: false,
};

export interface AppErrorOptions<Hint extends string = Sentence> {
  /** What to do about it, one sentence. */
  readonly hint?: Hint & Checked<Hint>;
  readonly cause?: unknown;
  /** Milliseconds until a retry makes sense (from `Retry-After`), only for `rate_limited` and `unavailable`. */
  readonly retryAfterMs?: number;
  /** HTTP status that caused it, for logs and tests; never for decisions. */
  readonly status?: number;
  /** The server has no such route, as far as its answer shows; for `not_found`. */
  readonly isUnknownRoute?: boolean;
}

class CodedError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly status: number | undefined;
  readonly isUnknownRoute: boolean;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "AppError";
    this.code = code;
    this.hint = options.hint;
    this.retryAfterMs = options.retryAfterMs;
    this.status = options.status;
    this.isUnknownRoute = options.isUnknownRoute === true;
  }

  get retryable(): boolean {
    return RETRYABLE[this.code];
  }

  /** The message, to be put into another sentence. */
  get sentence(): Sentence {
    return this.message as Sentence;
  }

  /** The hint, for another error. */
  get ownHint(): Sentence | undefined {
    return this.hint as Sentence | undefined;
  }
}

export type AppError = CodedError;

/** Message and hint are literals of the source or sentences; a text of Prefect's or of a caller does not compile here. */
interface AppErrorConstructor {
  new <const Message extends string, const Hint extends string = never>(
    code: ErrorCode,
    message: Message & Checked<Message>,
    options?: AppErrorOptions<Hint>,
  ): AppError;
  /** For subclasses, which cannot extend a constructor with type parameters. */
  new (code: ErrorCode, message: Sentence, options?: AppErrorOptions): AppError;
  readonly prototype: AppError;
}

export const AppError = CodedError as unknown as AppErrorConstructor;

/** Any thrown value as an AppError: other values become `internal`, with the value as cause. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new AppError("internal", asReason(message), { cause: error });
}
