import {
  type JSONRPCMessage,
  parseJSONRPCMessage,
  serializeMessage,
  type Transport,
} from "@modelcontextprotocol/server";
import { AppError } from "../../errors.ts";
import type { Clock } from "../../lib/clock.ts";
import { type InvalidRequest, invalidRequest, normalizeMessage } from "../incoming.ts";
import { invalidParams } from "../request-params.ts";

/** Requests that were read before the input ended get this long to be answered: `printf … | prefect-mcp-bun` sees its answers. */
const LAST_ANSWERS_MS = 300;
const MAX_MESSAGE_BYTES = 10 * 1024 * 1024;

export interface LineStreams {
  readonly input: ReadableStream<Uint8Array>;
  /** Resolves when the text has left; rejects when nobody reads any more. */
  write(text: string): Promise<void>;
}

export interface LineTransportOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onFirstMessage?: () => void;
  /** Each message that comes in; what it answers is handed on. */
  readonly incoming?: (message: JSONRPCMessage) => JSONRPCMessage;
  /** Each message that goes out; what it answers is written. */
  readonly outgoing?: (message: JSONRPCMessage) => JSONRPCMessage;
}

/**
 * JSON messages, one a line. Unlike the SDK's own transport it waits a moment for the answers owed when the input ends, writes one
 * answer after the other (that one hangs a listener on stdout for each that waits), answers JSON that is no message, and needs no
 * streams of Node. `onerror` is told of lines that nobody waits for; with an AppError when a line is too long, which ends reading.
 */
export class LineTransport implements Transport {
  onclose: (() => void) | undefined;
  onerror: ((error: Error) => void) | undefined;
  onmessage: ((message: JSONRPCMessage) => void) | undefined;
  /** Resolves when nothing more will come in and the answers owed have been given. */
  readonly ended: Promise<void>;
  private readonly streams: LineStreams;
  private readonly options: LineTransportOptions;
  private readonly lines = new LineSplitter(MAX_MESSAGE_BYTES);
  /** Ids of requests, and refusals on their way out. */
  private readonly unanswered = new Set<unknown>();
  private readonly end: () => void;
  private cancelReading: () => Promise<void> = async () => {};
  private writing: Promise<void> = Promise.resolve();
  private isClosed = false;
  private isInputOver = false;
  private hasMessage = false;

  constructor(streams: LineStreams, options: LineTransportOptions) {
    this.streams = streams;
    this.options = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.end = resolve;
  }

  async start(): Promise<void> {
    const { signal } = this.options;
    signal.addEventListener("abort", this.end, { once: true });
    if (signal.aborted) this.end();
    void this.readAll();
  }

  async send(message: JSONRPCMessage): Promise<void> {
    if (this.isClosed) throw new Error("stdout is closed");
    await this.write(serializeMessage(this.options.outgoing?.(message) ?? message));
    if (!("method" in message) && message.id !== undefined) this.settle(message.id);
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.options.signal.removeEventListener("abort", this.end);
    this.lines.clear();
    this.end();
    this.onclose?.();
    await this.cancelReading().catch(() => undefined);
  }

  private async write(text: string): Promise<void> {
    const written = this.writing.then(() => this.streams.write(text));
    this.writing = written.catch(() => this.end());
    await written;
  }

  private async readAll(): Promise<void> {
    try {
      const reader = this.streams.input.getReader();
      this.cancelReading = () => reader.cancel();
      for (;;) {
        const { value, done } = await reader.read();
        if (done || this.isClosed) break;
        this.take(value);
      }
    } catch (error) {
      this.onerror?.(asError(error));
    }
    this.inputOver();
  }

  private take(chunk: Uint8Array): void {
    for (const line of this.lines.take(chunk)) {
      try {
        this.takeLine(line);
      } catch (error) {
        this.onerror?.(asError(error));
      }
    }
  }

  private takeLine(line: string): void {
    if (line.trim() === "") return;
    const content = parseLine(line);
    if (content === undefined) throw new Error(`a line of ${line.length} characters is not JSON`);
    const message = toMessage(content);
    const refusal = message === null ? invalidRequest(content) : invalidParams(message);
    if (message === null || refusal !== null) this.refuse(refusal, line.length);
    else this.receive(this.options.incoming?.(message) ?? message);
  }

  private refuse(answer: InvalidRequest | null, length: number): void {
    this.onerror?.(new Error(answer?.error.message ?? `a line of ${length} characters is not a message`));
    if (answer === null) return;
    this.unanswered.add(answer);
    void this.write(`${JSON.stringify(answer)}\n`)
      .catch(() => undefined)
      .then(() => this.settle(answer));
  }

  private receive(message: JSONRPCMessage): void {
    if ("method" in message && "id" in message && message.method !== "subscriptions/listen") {
      this.unanswered.add(message.id);
    }
    if ("method" in message && message.method === "notifications/cancelled") {
      const { requestId } = (message.params ?? {}) as { requestId?: string | number };
      if (requestId !== undefined) this.unanswered.delete(requestId);
    }
    this.onmessage?.(message);
    if (this.hasMessage) return;
    this.hasMessage = true;
    this.options.onFirstMessage?.();
  }

  private inputOver(): void {
    this.isInputOver = true;
    if (this.unanswered.size === 0) this.end();
    else void this.options.clock.sleep(LAST_ANSWERS_MS, this.options.signal).then(this.end);
  }

  private settle(owed: unknown): void {
    this.unanswered.delete(owed);
    if (this.isInputOver && this.unanswered.size === 0) this.end();
  }
}

const NEWLINE = 10;
/** Room that is kept for the next line. */
const KEPT_BYTES = 64 * 1024;

/**
 * Lines out of bytes that come in pieces, without a byte order mark. What is not complete yet stands in a buffer that doubles:
 * a line in a thousand pieces costs what its length costs.
 */
export class LineSplitter {
  private readonly maxBytes: number;
  private held = new Uint8Array(0);
  private size = 0;
  private readonly decoder = new TextDecoder();

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** The lines that are complete now. Throws AppError `invalid_input` on one beyond the limit, complete or not. */
  *take(chunk: Uint8Array): Generator<string> {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      const piece = chunk.subarray(from, at);
      from = at + 1;
      yield this.complete(piece);
    }
    this.keep(chunk.subarray(from));
  }

  clear(): void {
    this.size = 0;
    this.held = new Uint8Array(0);
  }

  private complete(piece: Uint8Array): string {
    if (this.size === 0) {
      this.checkSize(piece.length);
      return this.decoder.decode(piece);
    }
    this.keep(piece);
    const line = this.decoder.decode(this.held.subarray(0, this.size));
    this.size = 0;
    if (this.held.length > KEPT_BYTES) this.clear();
    return line;
  }

  private keep(piece: Uint8Array): void {
    const size = this.size + piece.length;
    this.checkSize(size);
    if (size > this.held.length) {
      const larger = new Uint8Array(Math.max(size, 2 * this.held.length));
      larger.set(this.held.subarray(0, this.size));
      this.held = larger;
    }
    this.held.set(piece, this.size);
    this.size = size;
  }

  private checkSize(size: number): void {
    if (size <= this.maxBytes) return;
    throw new AppError(
      "invalid_input",
      `A message is longer than ${this.maxBytes} bytes: where the next one begins is unknown.`,
    );
  }
}

/** Undefined where it is no JSON. */
function parseLine(line: string): unknown {
  try {
    return normalizeMessage(JSON.parse(line));
  } catch {
    return undefined;
  }
}

/** Null where the schema has no such message. */
function toMessage(content: unknown): JSONRPCMessage | null {
  try {
    return parseJSONRPCMessage(content);
  } catch {
    return null;
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
