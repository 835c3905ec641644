import {
  type JSONRPCMessage,
  parseJSONRPCMessage,
  serializeMessage,
  type Transport,
} from "@modelcontextprotocol/server";
import type { Clock } from "../../lib/clock.ts";
import { sentence } from "../../lib/shown-text.ts";
import { type InvalidRequest, invalidRequest, normalizeMessage, refusedRequest } from "../incoming.ts";
import { type MessageText, readMessageText } from "../message-text.ts";
import type { PlainCalls, PlainCallsOptions } from "../plain-calls.ts";
import { invalidParams } from "../request-params.ts";
import { LineSplitter } from "./line-splitter.ts";

/** Time to answer the requests that were read before stdin ended, so that `printf … | prefect-mcp-bun` prints answers. */
const LAST_ANSWERS_MS = 300;
const MAX_MESSAGE_BYTES = 10 * 1024 * 1024;
/** Characters of answers that wait for a client that does not read; with more, stdin is not read until they are written. */
const MAX_UNWRITTEN_CHARS = 64 * 1024 * 1024;

export interface LineStreams {
  readonly input: ReadableStream<Uint8Array>;
  /** Resolves when the text is written; rejects when the reader has closed the stream. */
  write(text: string): Promise<void>;
}

export interface LineTransportOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onFirstMessage?: () => void;
  /** Called once, when the first call of a tool is answered. */
  readonly onFirstCallAnswered?: () => void;
  /** Called with each received message; returns the message to process. */
  readonly incoming?: (message: JSONRPCMessage) => JSONRPCMessage;
  /** Called with each message to send; returns the message to write. */
  readonly outgoing?: (message: JSONRPCMessage) => JSONRPCMessage;
  /** Answers plain calls of tools itself. Absent: `onmessage` gets all messages. */
  readonly plainCalls?: (options: PlainCallsOptions) => PlainCalls;
}

/**
 * JSON-RPC messages, one per line. Differences to the SDK's own transport: when stdin ends it waits a moment for the answers in
 * progress; it writes one answer after the other, where that one adds a listener to stdout for each waiting answer; it answers JSON
 * that is not a valid message; it needs no Node streams. `onerror` is called for lines that cannot be answered, and with an AppError
 * for a line that is too long, which ends reading.
 */
export class LineTransport implements Transport {
  onclose: (() => void) | undefined;
  onerror: ((error: Error) => void) | undefined;
  onmessage: ((message: JSONRPCMessage) => void) | undefined;
  /** Resolves when stdin has ended and the answers in progress are written, or when the transport is closed. */
  readonly ended: Promise<void>;
  private readonly streams: LineStreams;
  private readonly options: LineTransportOptions;
  private readonly lines = new LineSplitter(MAX_MESSAGE_BYTES);
  /** Ids of unanswered requests, and refusals that are being written. */
  private readonly unanswered = new Set<unknown>();
  private readonly end: () => void;
  private readonly plainCalls: PlainCalls | undefined;
  private cancelReading: () => Promise<void> = async () => {};
  private writing: Promise<void> = Promise.resolve();
  private unwrittenChars = 0;
  private isClosed = false;
  private hasInputEnded = false;
  private hasMessage = false;
  /** Id of the first call of a tool. */
  private firstCall: unknown = undefined;
  private hasAnsweredCall = false;

  constructor(streams: LineStreams, options: LineTransportOptions) {
    this.streams = streams;
    this.options = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.end = resolve;
    const settled = (id: unknown) => this.settle(id);
    this.plainCalls = options.plainCalls?.({ write: (text) => this.write(text), settled });
  }

  async start(): Promise<void> {
    const { signal } = this.options;
    signal.addEventListener("abort", this.end, { once: true });
    if (signal.aborted) this.end();
    void this.readAll();
  }

  async send(message: JSONRPCMessage): Promise<void> {
    if (this.isClosed) throw new Error("stdout is closed");
    this.plainCalls?.sent(message);
    await this.write(serializeMessage(this.options.outgoing?.(message) ?? message));
    if (!("method" in message) && message.id !== undefined) this.settle(message.id);
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.options.signal.removeEventListener("abort", this.end);
    this.lines.clear();
    this.plainCalls?.close();
    this.end();
    this.onclose?.();
    await this.cancelReading().catch(() => undefined);
  }

  private async write(text: string): Promise<void> {
    this.unwrittenChars += text.length;
    const written = this.writing.then(() => this.streams.write(text));
    this.writing = written
      .catch(() => this.end())
      .then(() => {
        this.unwrittenChars -= text.length;
      });
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
        while (this.unwrittenChars > MAX_UNWRITTEN_CHARS && !this.isClosed) await this.writing;
      }
    } catch (error) {
      this.onerror?.(asError(error));
    }
    this.endInput();
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
    const { value: content, excess } = parseLine(line);
    if (content === undefined) throw new Error(`a line of ${line.length} characters is not JSON`);
    if (excess !== null) {
      this.refuse(refusedRequest(content, sentence`the message ${excess}.`), line.length);
      return;
    }
    const { method, id } = (content ?? {}) as { method?: unknown; id?: unknown };
    if (method === "tools/call") this.firstCall ??= id;
    if (this.plainCalls?.take(content)) {
      this.unanswered.add(id);
      return;
    }
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
    this.plainCalls?.received(message);
    this.onmessage?.(message);
    if (this.hasMessage) return;
    this.hasMessage = true;
    this.options.onFirstMessage?.();
  }

  private endInput(): void {
    this.hasInputEnded = true;
    if (this.unanswered.size === 0) this.end();
    else void this.options.clock.sleep(LAST_ANSWERS_MS, this.options.signal).then(this.end);
  }

  private settle(answered: unknown): void {
    this.unanswered.delete(answered);
    if (answered === this.firstCall && answered !== undefined && !this.hasAnsweredCall) {
      this.hasAnsweredCall = true;
      this.options.onFirstCallAnswered?.();
    }
    if (this.hasInputEnded && this.unanswered.size === 0) this.end();
  }
}

/** `value` is undefined for text that is not JSON. */
function parseLine(line: string): MessageText {
  try {
    const { value, excess } = readMessageText(line);
    return { value: normalizeMessage(value), excess };
  } catch {
    return { value: undefined, excess: null };
  }
}

/** Null for JSON that is not a message of the protocol. */
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
