import { AppError } from "../../errors.ts";
import { sentence } from "../../lib/shown-text.ts";

const NEWLINE = 10;
/** The buffer is kept for the next line up to this size. */
const KEPT_BYTES = 64 * 1024;

/**
 * Splits bytes that arrive in chunks into lines of text, without a byte order mark. An incomplete line is held in a buffer that
 * doubles, so that a line in a thousand chunks is not copied a thousand times.
 */
export class LineSplitter {
  private readonly maxBytes: number;
  private held = new Uint8Array(0);
  private size = 0;
  private readonly decoder = new TextDecoder();

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** The lines that this chunk completes. Throws AppError `invalid_input` for a line beyond the limit, complete or not. */
  *take(chunk: Uint8Array): Generator<string> {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      const piece = chunk.subarray(from, at);
      from = at + 1;
      yield this.complete(piece);
    }
    this.append(chunk.subarray(from));
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
    this.append(piece);
    const line = this.decoder.decode(this.held.subarray(0, this.size));
    this.size = 0;
    if (this.held.length > KEPT_BYTES) this.clear();
    return line;
  }

  private append(piece: Uint8Array): void {
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
      sentence`A message is longer than ${this.maxBytes} bytes, so the start of the next one is unknown.`,
    );
  }
}
