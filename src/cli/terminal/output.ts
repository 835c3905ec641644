import type { Line } from "../../lib/shown-text.ts";
import { flushStderr, writeStderr } from "../../lib/stderr.ts";
import { escapeInvisible, visibleText } from "../../lib/visible-text.ts";
import { drawsPictures, type Glyphs, glyphsOf, isDumb } from "./drawing.ts";
import { isTty } from "./is-tty.ts";
import { type PaintedLine, painted } from "./paint.ts";

/**
 * Everything that commands print goes through this; only the MCP transport also writes to stdout. Names and messages of flows are in it:
 * the type `Line` shows that what controls a terminal and breaks lines was removed. In JSON it is written as `\\uXXXX`.
 */
export interface Output {
  /** Whether stdout is a terminal: then lines are cut to its width and progress is redrawn in place. */
  readonly isTerminal: boolean;
  readonly columns: number;
  /** Whether bars and colours are added to answers; else everything is as in a pipe. */
  readonly drawsPictures: boolean;
  /** What the terminal's locale can show. */
  readonly glyphs: Glyphs;
  line(text?: Line): void;
  lines(texts: readonly Line[]): void;
  /** Without their colours where no pictures are drawn. */
  paint(lines: readonly PaintedLine[]): void;
  /** One JSON value, indented, with a line end. */
  json(value: unknown): void;
  /** Writes over the line that was written by this before. */
  redraw(text: Line): void;
  /** Written without a line end. */
  ask(question: Line): void;
  /** On stderr. */
  note(text: Line): void;
  /** Resolves when everything is written; ending the process before would lose text. */
  flush(): Promise<void>;
}

/** Where the system does not know the width of the terminal. */
const USUAL_COLUMNS = 80;

/**
 * Opens stdout with the first line, because under `serve` only the MCP transport may use it. `readVariables` is called where something is
 * a terminal: it reads files.
 */
export function createOutput(readVariables: () => Readonly<Record<string, string>>, platform: string): Output {
  let variables: ReturnType<typeof readVariables> | null = null;
  const env = () => {
    variables ??= readVariables();
    return variables;
  };
  let sink: ReturnType<typeof Bun.stdout.writer> | null = null;
  let pending: Promise<unknown> = Promise.resolve();
  const write = (text: string) => {
    sink ??= Bun.stdout.writer();
    const writer = sink;
    // A reader that has closed the pipe (`… | head`) is not an error. `write` may also throw at once.
    const done = (async () => Promise.all([writer.write(text), writer.flush()]))().catch(() => undefined);
    pending = Promise.all([pending, done]);
  };
  return {
    get isTerminal() {
      return isTty(1) && !isDumb(env());
    },
    get columns() {
      return isTty(1) ? process.stdout.columns || USUAL_COLUMNS : 120;
    },
    get drawsPictures() {
      return isTty(1) && drawsPictures(true, env());
    },
    get glyphs() {
      return glyphsOf(env(), platform);
    },
    paint(lines) {
      const hasColours = isTty(1) && drawsPictures(true, env());
      write(lines.map((line) => `${painted(line, hasColours)}\n`).join(""));
    },
    line: (text) => write(`${visibleText(text ?? "")}\n`),
    lines: (texts) => write(texts.map((text) => `${visibleText(text)}\n`).join("")),
    json: (value) => write(`${escapeInvisible(JSON.stringify(value, null, 2))}\n`),
    redraw: (text) => write(`\r${visibleText(text)}\u001b[K`),
    ask: (question) => write(`${visibleText(question)} `),
    note: (text) => writeStderr(`${visibleText(text)}\n`),
    flush: async () => {
      await Promise.all([pending, flushStderr()]);
    },
  };
}
