/** The words that a person has added to the command of an entry. A later run of `setup` keeps them. Pure. */
import { append } from "../../lib/lists.ts";
import type { Launch } from "./client.ts";

/** A bundle or source of this program, its package with or without a version, or the compiled program. */
const PROGRAM = /([\\/]|^)prefect-mcp-bun(@[^\\/]*)?(-[a-z]+-[a-z0-9]+)?(\.exe)?$|\.[cm]?[jt]s$/i;
const BUN = /([\\/]|^)bun(\.exe)?$/i;

export interface KeptWords {
  /** Flags of Bun itself, before the program: `--smol`. */
  readonly ofBun: readonly string[];
  /** All words behind the program. */
  readonly ofProgram: readonly string[];
}

export const NO_WORDS: KeptWords = { ofBun: [], ofProgram: [] };

/** The words of a command that `setup` did not write itself: all but Bun, or another runner, and the program. */
export function keptWords({ command, args }: Pick<Launch, "command" | "args">): KeptWords {
  if (PROGRAM.test(command)) return { ofBun: [], ofProgram: args };
  const at = args.findIndex((word) => PROGRAM.test(word));
  if (at === -1) return NO_WORDS;
  const isBun = BUN.test(command) && args[0] !== "x";
  return { ofBun: isBun ? args.slice(0, at).filter((word) => word !== "run") : [], ofProgram: args.slice(at + 1) };
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
