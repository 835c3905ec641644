/** Edits of a client's file that keep its comments, order and line ends, in the three formats. */

export type ConfigFormat = "json" | "toml" | "yaml";
export type Member = string | number | boolean | readonly string[] | { readonly [key: string]: Member };

/** The reason is for people and has no values of the file in it. */
export class UneditableError extends Error {}

/** Offsets, the second one behind the last character. */
export type Range = readonly [from: number, to: number];

/** Works on texts without a byte order mark. A text that is empty counts as an empty table. */
export interface FileFormat {
  /** The whole file as plain values. Throws an Error with the reason when the text is not valid. */
  parse(text: string): unknown;
  /** Sets one value; tables on the way are created. */
  set(text: string, path: readonly string[], value: Member): string;
  /** Adds to a list, which is created when it is missing. */
  append(text: string, path: readonly string[], values: readonly string[]): string;
  remove(text: string, path: readonly string[]): string;
  /** The parts of the text that belong to a value, with its key and comments beside it. None where it is not there. */
  ranges(text: string, path: readonly string[]): readonly Range[];
  /** One value below its keys, as it looks in a file of its own. */
  show(path: readonly string[], value: Member): string;
}
