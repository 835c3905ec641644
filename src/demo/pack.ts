/**
 * A macro, run at bundling: the bundle contains the recorded workspace as 115 KB of text instead of 1 MB of code, which every
 * start would have to parse. From source it runs at the first import.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

export function packWorkspace(): string {
  return gzipSync(readFileSync(join(import.meta.dir, "recorded", "workspace.json"))).toString("base64");
}
