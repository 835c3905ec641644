/** How much of answers may be under way: read, or being read, and not parsed yet. */
export interface AnswerBudget {
  /** False where there is no room for it: nothing is taken then. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

export function createAnswerBudget(mostBytes: number): AnswerBudget {
  let taken = 0;
  return {
    take(bytes) {
      if (taken + bytes > mostBytes) return false;
      taken += bytes;
      return true;
    },
    give(bytes) {
      taken -= bytes;
    },
  };
}
