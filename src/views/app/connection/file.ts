/** Answers that are inside of the page. */
import { type Args, CallError, type Connection, type Structured } from "./connection.ts";

export interface HeldCall {
  readonly tool: string;
  readonly args: Args;
  readonly structured: Structured;
}

/** Arguments in any order are one question. */
function keyOf(tool: string, args: Args): string {
  return JSON.stringify([tool, Object.entries(args).sort(([a], [b]) => (a < b ? -1 : 1))]);
}

export function fileConnection(calls: readonly HeldCall[]): Connection {
  const held = new Map(calls.map(({ tool, args, structured }) => [keyOf(tool, args), structured]));
  return {
    kind: "file",
    async call(tool, args) {
      const answer = held.get(keyOf(tool, args));
      if (answer === undefined) throw new CallError({ message: `This file does not hold the answer of ${tool}.` });
      if (typeof answer.code === "string" && typeof answer.message === "string") throw new CallError(answer);
      return answer;
    },
    onChange: () => () => undefined,
  };
}
