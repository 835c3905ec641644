import { fence, makeTag } from "../../model/text/untrusted.ts";

/** Workspace data between marks with a random tag, new for each answer: data cannot contain the end mark. */
export function fenced(lines: readonly string[]): string {
  return fence(
    lines.join("\n"),
    makeTag((size) => crypto.getRandomValues(new Uint8Array(size))),
  );
}
