import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  demoViolations,
  effectViolations,
  importCircles,
  layerViolations,
  lengthViolations,
  MAX_ENTRIES,
  namingViolations,
  roomCircles,
  roomViolations,
  type SourceFile,
  sharedNames,
  timingViolations,
  widthViolations,
} from "./support/architecture-rules.ts";

const ROOT = join(import.meta.dir, "..", "src");

function sources(): SourceFile[] {
  const names = readdirSync(ROOT, { recursive: true, encoding: "utf8" });
  return names
    .map((name) => name.replaceAll("\\", "/"))
    .filter((path) => /\.tsx?$/.test(path))
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), "utf8") }));
}

const files = sources();

describe("the source tree", () => {
  test("imports only point down", () => {
    expect(files.flatMap(layerViolations)).toEqual([]);
  });

  test("rooms of a layer import only their declared neighbours, which form no circle", () => {
    expect(files.flatMap(roomViolations)).toEqual([]);
    expect(roomCircles()).toEqual([]);
  });

  test("no files import each other in a circle", () => {
    expect(importCircles(files)).toEqual([]);
  });

  test.each(["src", "test", "scripts", "bench"])("no folder of %s has too many entries", (root) => {
    const names = readdirSync(join(ROOT, "..", root), { recursive: true, encoding: "utf8" });
    const paths = names.map((name) => name.replaceAll("\\", "/")).filter((name) => !/^fixtures\/|pycache/.test(name));
    expect(widthViolations(paths)).toEqual([]);
  });

  test("every effect has one home", () => {
    expect(files.flatMap(effectViolations)).toEqual([]);
  });

  test("no verdict of a test depends on how fast the machine is", () => {
    const folder = import.meta.dir;
    const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => name.replaceAll("\\", "/"));
    const tests = paths.filter((path) => path.endsWith(".test.ts") && path !== "architecture.test.ts");
    const read = (path: string) => ({ path, text: readFileSync(join(folder, path), "utf8") });
    expect(tests.map(read).flatMap(timingViolations)).toEqual([]);
  });

  test("files are named in kebab-case after what they hold, export by name and import with .ts", () => {
    expect(files.flatMap(namingViolations)).toEqual([]);
  });

  test("an exported name has one meaning", () => {
    expect(sharedNames(files)).toEqual([]);
  });

  test("files stay short", () => {
    expect(lengthViolations(files)).toEqual([]);
  });

  test("only the command line knows the demo", () => {
    expect(files.flatMap(demoViolations)).toEqual([]);
  });
});

/** Each rule, broken on purpose. */
describe("the rules", () => {
  test.each([
    ["a wait for a time", "await Bun.sleep(100);"],
    ["a wait for a time", "await systemClock.sleep(50);"],
    ["a limit of its own", 'test("a", () => {\n}, 60_000);'],
    ["a measured time", "const startMs = performance.now();"],
  ])("find %s in a test", (name, text) => {
    expect(timingViolations({ path: "tools/search.test.ts", text })).toEqual([`tools/search.test.ts: ${name}`]);
  });

  const layer = (path: string, from: string) => layerViolations({ path, text: `import { a } from "${from}";\n` });

  test.each([
    ["store/events.ts", "../prefect/api.ts", "store/events.ts: store imports prefect/api.ts"],
    ["sync/engine.ts", "../queries/events.ts", "sync/engine.ts: sync imports queries/events.ts"],
    ["lib/clock.ts", "../model/event.ts", "lib/clock.ts: lib imports model/event.ts"],
    ["errors.ts", "./app/app.ts", "errors.ts: lib imports app/app.ts"],
    ["tools/search.ts", "../mcp/server.ts", "tools/search.ts: tools imports mcp/server.ts"],
    ["app/record.ts", "../cli/call.ts", "app/record.ts: app imports cli/call.ts"],
    ["app/app.ts", "../demo/server.ts", "app/app.ts: app imports demo/server.ts"],
    ["cli/run.ts", "../main.ts", "cli/run.ts: imports main.ts"],
  ])("refuse %s importing %s", (path, from, violation) => {
    expect(layer(path, from)).toEqual([violation]);
  });

  test("refuse a room that imports another one without a declaration, and an undeclared room", () => {
    const room = (path: string, from: string) => roomViolations({ path, text: `import { a } from "${from}";\n` });
    expect(room("queries/source/live.ts", "../runs/logs.ts")).toEqual([
      'queries/source/live.ts: room "source" of queries imports queries/runs/logs.ts',
    ]);
    expect(room("queries/runs/logs.ts", "../source/live.ts")).toEqual([]);
    expect(room("queries/runs/logs.ts", "../../store/database.ts")).toEqual([]);
    expect(room("queries/odds/ends.ts", "../source/live.ts")).toEqual([
      'queries/odds/ends.ts: queries declares no room "odds"',
    ]);
    expect(roomCircles({ sync: { a: ["b"], b: ["c"], c: ["a"], d: ["a"] } })).toEqual([
      "rooms of sync in a circle: a, b, c",
    ]);
  });

  test("refuse files that import each other, directly or by others", () => {
    const file = (path: string, ...from: string[]) => ({
      path,
      text: from.map((one) => `import type { A } from "${one}";\n`).join(""),
    });
    expect(
      importCircles([
        file("store/a.ts", "./b.ts", "./d.ts"),
        file("store/b.ts", "./events/c.ts"),
        file("store/events/c.ts", "../a.ts"),
        file("store/d.ts"),
      ]),
    ).toEqual(["import circle: store/a.ts, store/b.ts, store/events/c.ts"]);
  });

  test("refuse a wide folder", () => {
    const wide = Array.from({ length: MAX_ENTRIES + 1 }, (_, index) => `store/events/n${index}.ts`);
    expect(widthViolations([...wide, "store/a.ts"])).toEqual([
      `store/events/ shows ${MAX_ENTRIES + 1} entries, more than ${MAX_ENTRIES}`,
    ]);
  });

  test("see type imports, re-exports and lazy imports too", () => {
    const text = [
      'import type { A } from "../sync/engine.ts";',
      'export { b } from "../cli/run.ts";',
      'const c = await import("../mcp/server.ts");',
    ].join("\n");
    expect(layerViolations({ path: "queries/events.ts", text })).toEqual([
      "queries/events.ts: queries imports sync/engine.ts",
      "queries/events.ts: queries imports cli/run.ts",
      "queries/events.ts: queries imports mcp/server.ts",
    ]);
  });

  test("refuse a file outside every layer", () => {
    expect(layerViolations({ path: "stuff/thing.ts", text: "" })).toEqual(["stuff/thing.ts: belongs to no layer"]);
  });

  test("allow imports from lower layers", () => {
    expect(layer("queries/events.ts", "../store/events.ts")).toEqual([]);
    expect(layer("main.ts", "./cli/run.ts")).toEqual([]);
    expect(layer("store/events.ts", "./database.ts")).toEqual([]);
    expect(layer("lib/clock.ts", "../errors.ts")).toEqual([]);
  });

  test.each([
    ["process.env", "const home = process.env.HOME;"],
    ["fetch", 'await fetch("http://localhost");'],
    ["a package that uses the network", 'import { jwtVerify } from "jose";'],
    ["WebSocket", "const socket = new WebSocket(url);"],
    ["bun:sqlite", 'import { Database } from "bun:sqlite";'],
    ["SQL", "const sql = `SELECT id\n FROM flow_run`;"],
    ["SQL", 'db.sqlite.run("DELETE FROM event");'],
    ["SQL", 'const part = clause("r.begin_us <= ?", us);'],
    ["drizzle at run time", 'import { flowRun } from "../schema/run.ts";'],
    ["drizzle at run time", 'import { eq } from "drizzle-orm";'],
    ["signals and exit", "process.exit(1);"],
    ["signals and exit", 'process.on("SIGTERM", stop);'],
    ["the wall clock", "const now = Date.now();"],
    ["the wall clock", "const now = new Date();"],
    ["dates", "const day = new Date(ms);"],
    ["timers", "setTimeout(stop, 10);"],
    ["timers", "fetchIt(AbortSignal.timeout(10));"],
    ["stdout", "process.stdout.write(text);"],
    ["a list as arguments", "rows.push(...page);"],
    ["a list as arguments", "out.push(kind, ...bytes);"],
    ["a list as arguments", "const most = Math.max(0, ...rows.map((row) => row.length));"],
    ["a list as arguments", "String.fromCharCode(...bytes);"],
    ["a list as arguments", "list.splice(0, list.length, ...kept);"],
    ["a list as arguments", "const us = earliestUs(...times);"],
    ["a list as arguments", "list.push.apply(list, more);"],
    ["Workers", "const worker = new Worker(entry);"],
    ["listening", "Bun.serve({ fetch });"],
    ["processes", 'Bun.spawn(["ls"]);'],
    ["JSON.parse", "const row = JSON.parse(text);"],
    ["JSON.parse", "const copy = structuredClone(row);"],
    ["a cast to a shown text", "const hint = run.name as Sentence;"],
    ["a cast to a shown text", "const rows = run.name as unknown as Cell;"],
    ["errors of the protocol", "throw new ResourceNotFoundError(uri, text);"],
    ["withReplaced", "const hint = withReplaced(known, () => run.name);"],
  ])("refuse %s outside its home: %s", (name, text) => {
    expect(effectViolations({ path: "tools/search.ts", text })).toEqual([
      `tools/search.ts: ${name} used outside its home`,
    ]);
  });

  test("allow an effect at home, and its name in comments", () => {
    expect(effectViolations({ path: "config/env.ts", text: "process.env.HOME" })).toEqual([]);
    expect(
      effectViolations({ path: "tools/search.ts", text: "// process.exit(1) would end it\n/** Date.now() */" }),
    ).toEqual([]);
    expect(effectViolations({ path: "mcp/http.ts", text: "handler.fetch(request)" })).toEqual([]);
    const rows = 'import type { FlowRunRow } from "../schema/run.ts";';
    expect(effectViolations({ path: "store/runs/flow-runs.ts", text: rows })).toEqual([]);
  });

  test.each([
    ["tools/readEvents.ts", "", "tools/readEvents.ts: not kebab-case"],
    ["lib/string-utils.ts", "", "lib/string-utils.ts: a name that says nothing"],
    ["store/index.ts", 'export { findEvents } from "./events.ts";', "store/index.ts: a barrel"],
    ["lib/clock.ts", "export default 1;", "lib/clock.ts: default export"],
    ["lib/clock.ts", 'import { a } from "./time";', 'lib/clock.ts: "./time" lacks .ts'],
    ["lib/clock.ts", 'import time from "./time.ts";', 'lib/clock.ts: default import of "./time.ts"'],
  ])("refuse %s with %p", (path, text, violation) => {
    expect(namingViolations({ path, text })).toEqual([violation]);
  });

  test("refuse one name for two exports", () => {
    const own = { path: "model/run.ts", text: "export interface Run {}\nexport const runs = [];\n" };
    const other = { path: "sync/run.ts", text: "export class Run {}\nfunction runs() {}\n" };
    expect(sharedNames([own, other])).toEqual(["Run is exported by model/run.ts and sync/run.ts"]);
  });

  test("refuse long files and a long median", () => {
    const long = { path: "store/events.ts", text: "x\n".repeat(401) };
    const short = { path: "lib/clock.ts", text: "x\n".repeat(20) };
    expect(lengthViolations([long, short, short])).toEqual(["store/events.ts: more than 400 lines"]);
    const middling = { path: "lib/time.ts", text: "x\n".repeat(100) };
    expect(lengthViolations([middling, middling, short])).toEqual(["the median file has 100 lines"]);
  });

  test("refuse imports of the demo outside the command line", () => {
    const text = 'import { replay } from "../demo/replay.ts";';
    expect(demoViolations({ path: "mcp/server.ts", text })).toEqual([
      "mcp/server.ts: imports ../demo/replay.ts; only cli/ may",
    ]);
    expect(demoViolations({ path: "cli/demo.ts", text })).toEqual([]);
  });
});
