/** Finds the text that a file had before `setup` wrote into it, so that `--remove` restores every byte of it. */
import { type Backup, backupsOf, type ConfigFile } from "./config-file.ts";

export interface Rewriting {
  /** Whether a text has nothing of ours. May throw where it is not valid. */
  isFromBefore(text: string): boolean;
  /** The text with what `later` has of ours. May throw where it cannot be edited. */
  again(text: string, later: string): string;
}

export interface TextBefore {
  /** Null: there was no file. */
  readonly next: string | null;
  /** Copies that can be made from `next`, and `next` itself. */
  readonly obsolete: readonly Backup[];
}

/**
 * A copy beside the file is its text from before if writing our part into it again results in the present file: then nothing else has
 * changed since. Null where something else has.
 */
export function textBefore(file: ConfigFile, { isFromBefore, again }: Rewriting): TextBefore | null {
  const backups = backupsOf(file);
  const isMadeFrom = (origin: string, text: string) => attempt(() => again(origin, text) === text);
  const clean = backups.filter(({ text }) => attempt(() => isFromBefore(text)));
  const present = file.text ?? "";
  const origin = clean.find(({ text }) => isMadeFrom(text, present));
  if (origin === undefined && (clean.length > 0 || !isMadeFrom("", present))) return null;
  const text = origin?.text ?? "";
  const obsolete = backups.filter((one) => one.text === text || isMadeFrom(text, one.text));
  return { next: origin === undefined ? null : text, obsolete };
}

function attempt(action: () => boolean): boolean {
  try {
    return action();
  } catch {
    return false;
  }
}
