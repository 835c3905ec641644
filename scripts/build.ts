/**
 * Builds `dist/prefect-mcp-bun.js`: the whole program in one file that needs only Bun; it contains the SQL and JSON files.
 *
 * No bytecode: `bun build --bytecode` writes a second file (`.jsc`) that works with one version of Bun only and contains the path
 * of the source. `bun build --compile --bytecode --minify src/main.ts` makes a binary that starts faster.
 */
import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BunPlugin } from "bun";

const ROOT = join(import.meta.dir, "..");
const TARGET = join(ROOT, "dist", "prefect-mcp-bun.js");

/** Leaves out the SDK's JSON Schema validator, a third of the file. It checks elicitation answers, which this server never requests. */
const withoutValidator: BunPlugin = {
  name: "without-validator",
  setup(build) {
    build.onResolve({ filter: /^@modelcontextprotocol\/server\/_shims$/ }, ({ path }) => ({ path, namespace: "shim" }));
    build.onLoad({ filter: /.*/, namespace: "shim" }, () => ({
      loader: "js",
      contents: `import process from "node:process";
        export { process };
        export class DefaultJsonSchemaValidator { getValidator() { throw new Error("not part of this build"); } }`,
    }));
  },
};

export async function buildBundle(outdir = join(ROOT, "dist")): Promise<string> {
  const target = join(outdir, "prefect-mcp-bun.js");
  rmSync(target, { force: true });
  const result = await Bun.build({
    entrypoints: [join(ROOT, "src", "main.ts")],
    target: "bun",
    minify: true,
    outdir,
    naming: "prefect-mcp-bun.[ext]",
    plugins: [withoutValidator],
  });
  if (!result.success) throw new AggregateError(result.logs, "the bundle could not be built");
  const others = result.outputs.filter((output) => output.path !== target);
  if (others.length > 0)
    throw new Error(`more than one file came out: ${others.map((output) => output.path).join(", ")}`);
  const text = readFileSync(target, "utf8");
  if (!text.startsWith("#!/usr/bin/env bun\n")) writeFileSync(target, `#!/usr/bin/env bun\n${text}`);
  chmodSync(target, 0o755);
  return target;
}

if (import.meta.main) {
  const target = await buildBundle();
  console.log(
    `${target === TARGET ? "dist/prefect-mcp-bun.js" : target}  ${(statSync(target).size / 1024).toFixed(0)} KiB`,
  );
}
