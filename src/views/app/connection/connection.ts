/** Where the page gets its answers from. */
export type Args = Readonly<Record<string, unknown>>;
/** `structuredContent` of a tool, as it is. */
export type Structured = Readonly<Record<string, unknown>>;

export interface Connection {
  readonly kind: "file" | "browser" | "host";
  /** Rejects with the tool's own message. */
  call(tool: string, args: Args): Promise<Structured>;
  /** Calls `notify` when the record has changed. Returns what ends it. */
  onChange(notify: () => void): () => void;
  /** Calls `notify` when changes stop to arrive, and when they arrive again. Absent where they never arrive. */
  readonly onLive?: (notify: (isLive: boolean) => void) => () => void;
}

/** An error of a tool: `message` and `hint` are its own. */
export class CallError extends Error {
  readonly hint: string | null;
  constructor(answer: Structured) {
    super(typeof answer.message === "string" ? answer.message : "the call failed");
    this.hint = typeof answer.hint === "string" ? answer.hint : null;
  }
}
