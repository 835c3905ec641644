/** The words that a person has added to the command of an entry. A later run of `setup` keeps them. Pure. */
import { append } from "../../lib/lists.ts";
import type { Launch } from "./client.ts";

/** The compiled program, under the names of its releases. */
const COMPILED = /([\\/]|^)prefect-mcp-bun(-[a-z]+-[a-z0-9]+)?(\.exe|\.cmd)?$/i;
/** Programs that run a script or fetch a package, and the words between them and its name. */
const RUNNERS: Readonly<Record<string, ReadonlySet<string>>> = {
  bun: new Set(["run", "x"]),
  bunx: new Set(),
  node: new Set(),
  npx: new Set(),
  npm: new Set(["exec", "x"]),
  pnpx: new Set(),
  pnpm: new Set(["dlx", "exec"]),
  yarn: new Set(["dlx", "exec"]),
};
/** Flags of runners whose value is the next word. */
const WITH_VALUE =
  /^(--(env-file|cwd|preload|require|import|config|define|tsconfig-override|conditions|registry|package)|-[rcdp])$/;

export interface ProgramWord {
  readonly word: string;
  /** Its place among the arguments; -1: the command itself. */
  readonly at: number;
}

function baseName(command: string): string {
  return (command.split(/[\\/]/).at(-1) ?? "").toLowerCase().replace(/\.(exe|cmd)$/, "");
}

/** The program that a command starts: itself, or what a runner is given. Null for a command that is no known runner. */
export function programWord({ command, args }: Pick<Launch, "command" | "args">): ProgramWord | null {
  if (COMPILED.test(command)) return { word: command, at: -1 };
  const isShell = baseName(command) === "cmd" && /^\/c$/i.test(args[0] ?? "");
  const runner = RUNNERS[baseName(isShell ? (args[1] ?? "") : command)];
  if (runner === undefined) return null;
  for (let at = isShell ? 2 : 0; at < args.length; at += 1) {
    const word = args[at] ?? "";
    if (WITH_VALUE.test(word)) at += 1;
    else if (!word.startsWith("-") && !runner.has(word)) return { word, at };
  }
  return null;
}

export interface KeptWords {
  /** Flags of Bun itself, before the program: `--smol`. */
  readonly ofBun: readonly string[];
  /** All words behind the program. */
  readonly ofProgram: readonly string[];
}

export const NO_WORDS: KeptWords = { ofBun: [], ofProgram: [] };

/** The words of a command that `setup` did not write itself: all but Bun, or another runner, and the program. */
export function keptWords({ command, args }: Pick<Launch, "command" | "args">): KeptWords {
  const program = programWord({ command, args });
  if (program === null) return NO_WORDS;
  const isBun = program.at > 0 && baseName(command) === "bun" && args[0] !== "x";
  return {
    ofBun: isBun ? args.slice(0, program.at).filter((word) => word !== "run") : [],
    ofProgram: args.slice(program.at + 1),
  };
}

interface Group {
  /** Without dashes; null for a word that belongs to no flag. */
  readonly flag: string | null;
  readonly value: string;
  readonly words: readonly string[];
}

/** `--flag value`, `--flag=value`, or a single word. */
function grouped(words: readonly string[]): Group[] {
  const groups: Group[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? "";
    const [, flag = null, joined] = /^--([a-z][a-z-]*)(?:=([\s\S]*))?$/.exec(word) ?? [];
    const following = words[at + 1];
    const hasNext = flag !== null && joined === undefined && following !== undefined && !following.startsWith("--");
    const own = hasNext ? [word, following] : [word];
    groups.push({ flag, value: joined ?? (hasNext ? following : ""), words: own });
    at += own.length - 1;
  }
  return groups;
}

/** Flags with a value, without dashes. */
export function flagsIn(words: readonly string[]): Record<string, string> {
  const flags = grouped(words).filter(({ flag, value }) => flag !== null && value !== "");
  return Object.fromEntries(flags.map(({ flag, value }) => [flag ?? "", value]));
}

export interface Merge {
  /** Flags that the command has to have. */
  readonly flags: Readonly<Record<string, string>>;
  /** Flags whose present value, if there is one, is replaced. */
  readonly replaced: ReadonlySet<string>;
  /** Flags that are removed unless they are among `flags`. */
  readonly dropped: ReadonlySet<string>;
}

export interface MergedWords {
  readonly words: readonly string[];
  /** The same words, with `…` for values that were there before: they may be private. */
  readonly shown: readonly string[];
  /** What was there before and stays, without values. */
  readonly kept: readonly string[];
}

/** The words with those flags, in their present order and way of writing. */
export function mergedWords(present: readonly string[], { flags, replaced, dropped }: Merge): MergedWords {
  const seen = new Set<string>();
  const words: string[] = [];
  const shown: string[] = [];
  const kept: string[] = [];
  for (const { flag, value, words: own } of grouped(present)) {
    const isReplaced = flag !== null && flag in flags && replaced.has(flag);
    const isDropped = flag !== null && (isReplaced ? seen.has(flag) : dropped.has(flag));
    if (isDropped) continue;
    if (flag !== null) seen.add(flag);
    const next = isReplaced ? [`--${flag}`, flags[flag] ?? ""] : own;
    append(words, next);
    if (isReplaced) {
      append(shown, next);
      continue;
    }
    append(
      shown,
      own.map((word, index) => (value === "" ? word : hidden(word, index))),
    );
    kept.push(flag === null ? (own[0] ?? "") : `--${flag}`);
  }
  const added = Object.entries(flags)
    .filter(([flag]) => !seen.has(flag))
    .flatMap(([flag, value]) => [`--${flag}`, value]);
  return { words: [...words, ...added], shown: [...shown, ...added], kept };
}

function hidden(word: string, index: number): string {
  return index === 0 ? word.replace(/=[\s\S]*/, "=…") : "…";
}
