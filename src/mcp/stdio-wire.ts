import { type JSONRPCMessage, ReadBuffer, serializeMessage, type Transport } from "@modelcontextprotocol/server";
import type { Clock } from "../lib/clock.ts";

/** Requests that were read before the input ended get this long to be answered: `printf … | prefect-mcp-bun` sees its answers. */
const LAST_ANSWERS_MS = 300;
const MAX_MESSAGE_BYTES = 10 * 1024 * 1024;

export interface LineStreams {
  readonly input: ReadableStream<Uint8Array>;
  /** Resolves when the text has left; rejects when nobody reads any more. */
  write(text: string): Promise<void>;
}

export interface WireOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onFirstMessage?: () => void;
  /** Each message that comes in, before it is handed on. */
  readonly onMessage?: (message: JSONRPCMessage) => void;
}

/**
 * JSON messages, one a line. Unlike the SDK's own transport it waits a moment for the answers owed when the input ends, writes one
 * answer after the other (that one hangs a listener on stdout for each that waits), and needs no streams of Node.
 */
export class StdioWire implements Transport {
  onclose: (() => void) | undefined;
  onerror: ((error: Error) => void) | undefined;
  onmessage: ((message: JSONRPCMessage) => void) | undefined;
  /** Resolves when nothing more will come in and the answers owed have been given. */
  readonly ended: Promise<void>;
  private readonly streams: LineStreams;
  private readonly options: WireOptions;
  private readonly buffer = new ReadBuffer({ maxBufferSize: MAX_MESSAGE_BYTES });
  private readonly unanswered = new Set<string | number>();
  private readonly end: () => void;
  private cancelReading: () => Promise<void> = async () => {};
  private writing: Promise<void> = Promise.resolve();
  private isClosed = false;
  private isInputOver = false;
  private hasMessage = false;

  constructor(streams: LineStreams, options: WireOptions) {
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
    const text = serializeMessage(message);
    const written = this.writing.then(() => this.streams.write(text));
    this.writing = written.catch(() => this.end());
    await written;
    if (!("method" in message) && message.id !== undefined) this.settle(message.id);
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.options.signal.removeEventListener("abort", this.end);
    this.buffer.clear();
    this.end();
    this.onclose?.();
    await this.cancelReading().catch(() => undefined);
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
    // Beyond the limit it throws: where the next message begins is unknown then, and reading ends.
    this.buffer.append(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    for (;;) {
      try {
        const message = this.buffer.readMessage();
        if (message === null) return;
        this.receive(message);
      } catch (error) {
        this.onerror?.(asError(error));
      }
    }
  }

  private receive(message: JSONRPCMessage): void {
    if ("method" in message && "id" in message && message.method !== "subscriptions/listen") {
      this.unanswered.add(message.id);
    }
    if ("method" in message && message.method === "notifications/cancelled") {
      const { requestId } = (message.params ?? {}) as { requestId?: string | number };
      if (requestId !== undefined) this.unanswered.delete(requestId);
    }
    this.options.onMessage?.(message);
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

  private settle(id: string | number): void {
    this.unanswered.delete(id);
    if (this.isInputOver && this.unanswered.size === 0) this.end();
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
