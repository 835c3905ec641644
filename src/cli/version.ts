import { VERSION } from "../app/version.ts";
import type { CommandContext } from "./command.ts";

export async function runVersion({ out }: CommandContext): Promise<number> {
  out.line(VERSION);
  return 0;
}
