import { encode } from "gpt-tokenizer/encoding/o200k_base";

/** Tokens of a text in o200k, as the answers are measured. */
export function countTokens(text: string): number {
  return encode(text, { disallowedSpecial: new Set() }).length;
}
