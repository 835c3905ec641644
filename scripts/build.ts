/**
 * Builds `dist/prefect-mcp-bun.js`: the whole program in one file that needs only Bun; it contains the SQL and JSON files. Beside it
 * `dist/prefect-mcp-bun.js.jsc`, its bytecode, which saves a third of the CPU time until the first answer. Bun uses it when it was made by
 * the same engine from the same source, and otherwise compiles the source, as without the file.
 */
import { chmodSync, readFileSync, rmSync, statSync } from "node:fs";
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

/**
 * Code that `serve` over stdio does not run. It is in the file as text and compiled when it is first imported: the engine parses the
 * whole file at each start, about 1 ms for 20 KB, and once more in the Worker.
 */
const ON_DEMAND = [
  "cronstrue",
  "ipaddr.js",
  "jose",
  "jsonc-parser/lib/esm/main.js",
  "lru-cache",
  "prom-client",
  "yaml",
  "./src/fleet/database/postgres-store.ts",
  "./src/mcp/http/telemetry/otel-exporter.ts",
  "./src/model/objects/rrule-words.ts",
  "./src/model/schedules/schedule-times.ts",
];

/** `unused`: what the build has not come across so far. */
async function compiledOnDemand(): Promise<{ plugin: BunPlugin; unused: Set<string> }> {
  const texts = new Map<string, string>();
  for (const name of ON_DEMAND) {
    const path = Bun.resolveSync(name, ROOT);
    const { outputs } = await Bun.build({ entrypoints: [path], target: "node", format: "cjs", minify: true });
    texts.set(path, (await outputs[0]?.text()) ?? "");
  }
  const unused = new Set(texts.keys());
  const plugin: BunPlugin = {
    name: "compiled-on-demand",
    setup(build) {
      build.onLoad({ filter: /\.[cm]?[jt]s$/ }, ({ path }) => {
        const text = texts.get(path);
        if (text === undefined) return undefined;
        unused.delete(path);
        const call = `new Function("module", "exports", "require", ${JSON.stringify(text)})(module, exports, require);`;
        return { loader: "js", contents: call };
      });
    },
  };
  return { plugin, unused };
}

export async function buildBundle(outdir = join(ROOT, "dist")): Promise<string> {
  const target = join(outdir, "prefect-mcp-bun.js");
  rmSync(target, { force: true });
  const onDemand = await compiledOnDemand();
  const result = await Bun.build({
    entrypoints: [join(ROOT, "src", "main.ts")],
    target: "bun",
    minify: true,
    bytecode: true,
    // Bytecode needs this form.
    format: "cjs",
    outdir,
    naming: "prefect-mcp-bun.[ext]",
    plugins: [withoutValidator, onDemand.plugin],
  });
  if (!result.success) throw new AggregateError(result.logs, "the bundle could not be built");
  if (onDemand.unused.size > 0) throw new Error(`not part of the program: ${[...onDemand.unused].join(", ")}`);
  const others = result.outputs.filter(({ path }) => path !== target && path !== `${target}.jsc`);
  if (others.length > 0)
    throw new Error(`more than the program came out: ${others.map((output) => output.path).join(", ")}`);
  // A change of the source would invalidate the bytecode.
  if (!readFileSync(target, "utf8").startsWith("#!/usr/bin/env bun\n"))
    throw new Error("the file has no first line for shells");
  chmodSync(target, 0o755);
  return target;
}

if (import.meta.main) {
  const target = await buildBundle();
  console.log(
    `${target === TARGET ? "dist/prefect-mcp-bun.js" : target}  ${(statSync(target).size / 1024).toFixed(0)} KiB`,
  );
}
