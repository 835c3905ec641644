/**
 * Python tracebacks as Prefect's engine logs them (level 40, "Encountered exception during execution: …" followed by the
 * text of `traceback.format_exception`). https://docs.python.org/3/library/traceback.html
 */
export interface Frame {
  readonly file: string;
  readonly line: number;
  readonly function: string;
  /** The source line, where the traceback shows one. */
  readonly code: string | null;
}

export interface RaisedException {
  /** Without its module: `KeyError`, `FlowRunTimeoutError`. */
  readonly type: string;
  readonly message: string;
  readonly frames: readonly Frame[];
  /** Deepest frame outside Python's and installed packages, else null. */
  readonly userFrame: Frame | null;
}

export interface Traceback {
  /** As printed: the first one raised first, the one that ended the run last. Never empty. */
  readonly exceptions: readonly RaisedException[];
  /** The one that ended the run. */
  readonly raised: RaisedException;
  /** First of the chain of direct causes (`raise … from …`) of `raised`; `raised` itself without one. */
  readonly root: RaisedException;
}

const DIRECT_CAUSE = "The above exception was the direct cause of the following exception:";
const SEPARATOR =
  /\n[^\S\n]*(The above exception was the direct cause of the following exception:|During handling of the above exception, another exception occurred:)[^\S\n]*\n/;
/** `[^\n]` also matches the line ends that "." does not: the expression would otherwise be tried at each `", line` before them. */
const FRAME = /^\s*File "([^\n]+)", line (\d+)(?:, in ([^\n]+))?$/;
const HEAD = /Traceback \(most recent call last\):/;
const EXCEPTION = /^([A-Za-z_][\w.]*)(?::\s?(.*))?$/;
const FOREIGN_FILE =
  /[\\/](site-packages|dist-packages)[\\/]|[\\/]lib[\\/]python[\d.]*[\\/]|[\\/]lib[\\/][a-z_]+\.py$|^<frozen/;

/** False for frames of Prefect, of other installed packages and of Python. */
export function isUserFrame(frame: Frame): boolean {
  return !FOREIGN_FILE.test(frame.file) && !frame.file.startsWith("<string");
}

/** The traceback in a log message or state message, or null when there is none. */
export function parseTraceback(text: string): Traceback | null {
  if (!HEAD.test(text)) return null;
  const pieces = stripGroupBars(text).split(SEPARATOR);
  const exceptions: RaisedException[] = [];
  let rootIndex = 0;
  for (let index = 0; index < pieces.length; index += 2) {
    const parsed = parseOne(pieces[index] ?? "");
    if (!parsed) continue;
    if (exceptions.length > 0 && pieces[index - 1] !== DIRECT_CAUSE) rootIndex = exceptions.length;
    exceptions.push(parsed);
  }
  const raised = exceptions.at(-1);
  if (!raised) return null;
  return { exceptions, raised, root: exceptions[rootIndex] ?? raised };
}

/** Removes the "  | " that exception groups print before the lines of their members. */
function stripGroupBars(text: string): string {
  return text.replaceAll(/^[ ]+[|+](?:-\+-+ .* -+$)?[ ]?/gm, "");
}

function parseOne(text: string): RaisedException | null {
  const lines = text.split("\n");
  const start = lines.findIndex((line) => HEAD.test(line));
  if (start < 0) return null;
  const frames: Frame[] = [];
  let index = start + 1;
  for (; index < lines.length; index++) {
    const line = lines[index] ?? "";
    const match = FRAME.exec(line);
    if (match?.[1] && match[2]) {
      const next = lines[index + 1];
      const code = next?.startsWith("    ") && !FRAME.test(next) ? next.trim() : null;
      frames.push({ file: match[1], line: Number(match[2]), function: match[3]?.trim() ?? "<module>", code });
    } else if (line !== "" && !/^\s/.test(line)) break;
  }
  const head = EXCEPTION.exec(lines[index] ?? "");
  if (!head?.[1]) return null;
  const rest = lines
    .slice(index + 1)
    .join("\n")
    .trimEnd();
  const message = [head[2] ?? "", rest].filter((part) => part !== "").join("\n");
  const type = head[1].slice(head[1].lastIndexOf(".") + 1);
  return { type, message, frames, userFrame: frames.findLast(isUserFrame) ?? null };
}

const STATE_EXCEPTION = /encountered an exception:? ([A-Za-z_][\w.]*)(?:: ([\s\S]*))?$/;
/** With the exception as Python's `repr` writes it. */
const STATE_TIMEOUT = /^(?:Flow|Task) run failed due to timeout: ([A-Za-z_][\w.]*)\(([\s\S]*)\)$/;

/**
 * Type and text of "Flow run encountered an exception: KeyError: 'x'", "Task run encountered an exception ValueError: …" and "Flow run
 * failed due to timeout: TimeoutError('…')".
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/states.py
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/flow_engine.py
 */
export function parseStateMessage(message: string): { type: string; message: string } | null {
  const text = message.trim();
  const match = STATE_EXCEPTION.exec(text) ?? STATE_TIMEOUT.exec(text);
  if (!match?.[1]) return null;
  const type = match[1].slice(match[1].lastIndexOf(".") + 1);
  const isRepr = text.endsWith(")") && STATE_TIMEOUT.test(text);
  return { type, message: isRepr ? withoutQuotes(match[2] ?? "") : (match[2] ?? "") };
}

function withoutQuotes(text: string): string {
  const [quote = ""] = text;
  return (quote === "'" || quote === '"') && text.length > 1 && text.endsWith(quote) ? text.slice(1, -1) : text;
}
