import { fence, makeTag } from "../../model/text/untrusted.ts";

/** Lines of workspace data between marks that nobody in the workspace could know. A new tag for each answer. */
export function fenced(lines: readonly string[]): string {
  return fence(
    lines.join("\n"),
    makeTag((size) => crypto.getRandomValues(new Uint8Array(size))),
  );
}
