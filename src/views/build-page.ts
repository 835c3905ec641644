/**
 * A Bun macro (https://bun.com/docs/bundler/macros): runs while the program is bundled, or while `page.ts` is loaded from source, and
 * leaves its result in place of the call. So `bun build --compile src/main.ts` works without a step before it.
 */
import { join } from "node:path";

/**
 * The script of the views, from `app/main.tsx`, as base64 of gzip: a third of the text's size, and the engine does not have to scan it
 * at each start. `Bun.build` would wait for itself inside a macro, so the command does it.
 */
export function bundleOfViews(): string {
  const entry = join(import.meta.dir, "app", "main.tsx");
  // Without "production" the JSX transform imports preact's development runtime.
  const command = [process.execPath, "build", entry, "--target=browser", "--minify", "--production"];
  const { success, stdout, stderr } = Bun.spawnSync(command);
  if (!success) throw new Error(`the views could not be built: ${stderr.toString()}`);
  return Buffer.from(Bun.gzipSync(new Uint8Array(stdout), { level: 9 })).toString("base64");
}
