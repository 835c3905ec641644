import type { JSONRPCMessage, Transport } from "@modelcontextprotocol/server";
import type { Clock } from "../../lib/clock.ts";
import { sentence } from "../../lib/shown-text.ts";
import { type InvalidRequest, normalizeMessage, refusedRequest } from "../incoming.ts";
import { type MessageText, readMessageText } from "../message-text.ts";
import type { PlainCallsOptions } from "../plain-calls.ts";
import { LineSplitter } from "./line-splitter.ts";
import type { CheckedMessage } from "./message-checks.ts";

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
  /** Answers some messages itself. Absent: `onmessage` gets all messages. */
  readonly ownAnswers?: (options: PlainCallsOptions) => OwnAnswers;
  /** Called once, before `onmessage` gets its first message. */
  readonly connect?: () => Promise<Connected>;
}

/** What answers messages that `onmessage` does not get. */
export interface OwnAnswers {
  /** Starts answering a message. False: `onmessage` gets it. */
  take(message: unknown): boolean;
  /** A message that `onmessage` gets. */
  received(message: JSONRPCMessage): void;
  /** A message that is sent over the transport. */
  sent(message: JSONRPCMessage): void;
  close(): void;
}

export interface Connected {
  /** Messages that were answered before, which `onmessage` gets first. Its answers to them are not written. */
  readonly replayed: readonly JSONRPCMessage[];
  /** Called with each received message; returns the message to process. */
  incoming(message: JSONRPCMessage): JSONRPCMessage;
  /** Called with each message to send; returns the message to write. */
  outgoing(message: JSONRPCMessage): JSONRPCMessage;
}

interface Line {
  readonly content: unknown;
  readonly length: number;
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
  private readonly ownAnswers: OwnAnswers | undefined;
  private connected: Connected | undefined;
  private checkMessage: ((content: unknown) => CheckedMessage) | null = null;
  /** Messages that came while the schemas were loaded; null before that and after. */
  private waiting: Line[] | null = null;
  private connecting: Promise<void> = Promise.resolve();
  private hasStarted = false;
  /** The replayed request whose answer is not written. */
  private replaying: { readonly id: unknown; readonly answered: () => void } | null = null;
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
    this.ownAnswers = options.ownAnswers?.({ write: (text) => this.write(text), settled });
  }

  /** The SDK calls this again when it is connected. */
  async start(): Promise<void> {
    if (this.hasStarted) return;
    this.hasStarted = true;
    const { signal } = this.options;
    signal.addEventListener("abort", this.end, { once: true });
    if (signal.aborted) this.end();
    void this.readAll();
  }

  async send(message: JSONRPCMessage): Promise<void> {
    if (this.isClosed) throw new Error("stdout is closed");
    if (this.replaying !== null && !("method" in message) && message.id === this.replaying.id) {
      this.replaying.answered();
      return;
    }
    this.ownAnswers?.sent(message);
    await this.write(`${JSON.stringify(this.connected?.outgoing(message) ?? message)}\n`);
    if (!("method" in message) && message.id !== undefined) this.settle(message.id);
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.options.signal.removeEventListener("abort", this.end);
    this.lines.clear();
    this.ownAnswers?.close();
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
    if (this.ownAnswers?.take(content)) {
      if (id !== undefined) this.unanswered.add(id);
      this.reportFirst();
      return;
    }
    const taken = { content, length: line.length };
    if (this.waiting !== null) this.waiting.push(taken);
    else if (this.checkMessage === null) this.connecting = this.connect(taken);
    else this.check(taken, this.checkMessage);
  }

  /** Loads the schemas of the protocol, and what `onmessage` calls. Messages that come meanwhile are processed in their order. */
  private async connect(first: Line): Promise<void> {
    const waiting = [first];
    this.waiting = waiting;
    this.unanswered.add(waiting);
    const [{ checkMessage }, connected] = await Promise.all([import("./message-checks.ts"), this.options.connect?.()]);
    for (const message of connected?.replayed ?? []) await this.replay(message);
    this.connected = connected;
    this.checkMessage = checkMessage;
    this.waiting = null;
    for (const line of waiting) {
      try {
        if (!this.isClosed) this.check(line, checkMessage);
      } catch (error) {
        this.onerror?.(asError(error));
      }
    }
    this.settle(waiting);
  }

  private async replay(message: JSONRPCMessage): Promise<void> {
    if (this.isClosed) return;
    if (!("method" in message) || !("id" in message)) {
      this.onmessage?.(message);
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.replaying = { id: message.id, answered: resolve };
    this.onmessage?.(message);
    await Promise.race([promise, this.ended]);
    this.replaying = null;
  }

  private check({ content, length }: Line, checkMessage: (content: unknown) => CheckedMessage): void {
    const checked = checkMessage(content);
    if ("message" in checked) this.receive(this.connected?.incoming(checked.message) ?? checked.message);
    else this.refuse(checked.refusal, length);
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
    this.ownAnswers?.received(message);
    this.onmessage?.(message);
    this.reportFirst();
  }

  private reportFirst(): void {
    if (this.hasMessage) return;
    this.hasMessage = true;
    this.options.onFirstMessage?.();
  }

  private endInput(): void {
    this.hasInputEnded = true;
    if (this.unanswered.size === 0) this.end();
    else void this.connecting.then(() => this.options.clock.sleep(LAST_ANSWERS_MS, this.options.signal)).then(this.end);
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

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
