import { VERSION } from "../app/version.ts";
import { oneLine } from "../lib/shown-text.ts";
import type { CommandContext } from "./command.ts";

export async function runVersion({ out }: CommandContext): Promise<number> {
  out.line(oneLine(VERSION));
  return 0;
}
