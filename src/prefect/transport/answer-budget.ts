/** Limits the bytes of all answers that are being read or wait to be parsed. */
export interface AnswerBudget {
  /** False when the limit would be exceeded; nothing is reserved then. */
  reserve(bytes: number): boolean;
  release(bytes: number): void;
}

export function createAnswerBudget(maxBytes: number): AnswerBudget {
  let reserved = 0;
  return {
    reserve(bytes) {
      if (reserved + bytes > maxBytes) return false;
      reserved += bytes;
      return true;
    },
    release(bytes) {
      reserved -= bytes;
    },
  };
}
