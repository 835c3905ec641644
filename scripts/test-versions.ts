/**
 * `bun run test:versions`: the tests with a real server against other versions and back ends of Prefect. Prints a matrix and ends with
 * the line `N passed, N failed`. Each version has a virtual environment of its own in the ignored `.venvs`, which is reused.
 *
 *   bun run test:versions                     all of them, two at a time; about half an hour on two cores
 *   bun run test:versions 3.9.1 3.0.11        only these
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { descendantsOf, signalAll } from "../test/support/process/process-tree.ts";
import { type PrefectVariant, prepareVariant, VARIANTS } from "./prefect-versions.ts";

const ROOT = join(import.meta.dir, "..");
/** Only ends a process that would never end. */
const FILE_LIMIT_MS = 25 * 60_000;
const TEST_LIMIT_MS = 900_000;
/** Servers at the same time: a test mostly waits for one. */
const TOGETHER = 2;

interface Cell {
  readonly passed: number;
  readonly failed: number;
}

/** Results by check (file and group of tests) and version. */
const matrix = new Map<string, Map<string, Cell>>();
const failures: string[] = [];
const scratch = mkdtempSync(join(tmpdir(), "prefect-versions-"));

function add(check: string, version: string, { passed, failed }: Cell): void {
  const row = matrix.get(check) ?? new Map<string, Cell>();
  const before = row.get(version) ?? { passed: 0, failed: 0 };
  row.set(version, { passed: before.passed + passed, failed: before.failed + failed });
  matrix.set(check, row);
}

function fail(check: string, version: string, line: string): void {
  add(check, version, { passed: 0, failed: 1 });
  failures.push(`${version}: ${line}`);
}

async function play(variant: PrefectVariant): Promise<void> {
  const say = (line: string) => console.log(`== ${line}`);
  const ready = await prepareVariant(ROOT, variant, say);
  if ("reason" in ready) return fail("installation", variant.name, ready.reason);
  try {
    for (const file of variant.files) await playFile(variant.name, file, ready.env);
  } finally {
    await ready.stop();
  }
}

async function playFile(name: string, file: string, target: Readonly<Record<string, string>>): Promise<void> {
  const report = join(scratch, `${name}-${file.replaceAll(/\W+/g, "-")}.xml`);
  const kept = Object.entries(process.env).filter(([key]) => !/^(PREFECT_|XDG_|REAL_PREFECT_)/.test(key));
  const env = { ...Object.fromEntries(kept), ...target };
  const options = [`--timeout=${TEST_LIMIT_MS}`, "--reporter=junit", `--reporter-outfile=${report}`];
  const child = Bun.spawn([process.execPath, "test", ...options, file], {
    cwd: ROOT,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const limit = setTimeout(() => signalAll([child.pid, ...descendantsOf(child.pid)], "SIGKILL"), FILE_LIMIT_MS);
  const [out, error, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  clearTimeout(limit);
  const title = file.replace("./test/real/", "").replace(/(\.test)?\.ts$/, "");
  const xml = Bun.file(report);
  const cases = (await xml.exists()) ? casesOf(await xml.text()) : [];
  // Nothing is awaited from here on, so that failures of another server are not counted.
  const failedBefore = failures.length;
  for (const { group, test, isFailed } of cases) {
    const check = `${title}${group === "" ? "" : `: ${group}`}`;
    if (isFailed) fail(check, name, `${check}: ${test}`);
    else add(check, name, { passed: 1, failed: 0 });
  }
  if (cases.length === 0 || (code !== 0 && failures.length === failedBefore))
    fail(title, name, `${title}: ended with ${code}`);
  if (failures.length > failedBefore) console.log(`${out}\n${error}`.slice(-20_000));
  console.log(`== ${name} ${title}: ${cases.filter(({ isFailed }) => !isFailed).length} of ${cases.length} passed`);
}

function casesOf(xml: string): { group: string; test: string; isFailed: boolean }[] {
  return [...xml.matchAll(/<testcase ([^>]*?)(\/>|>\s*(<\w+)?)/g)].map(([, attributes = "", , child = ""]) => {
    const attribute = (name: string) => plain(new RegExp(`(?:^| )${name}="([^"]*)"`).exec(attributes)?.[1] ?? "");
    return { group: attribute("classname"), test: attribute("name"), isFailed: child !== "" };
  });
}

function plain(text: string): string {
  return text
    .replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");
}

function printMatrix(versions: readonly string[]): void {
  const width = Math.max(...[...matrix.keys()].map((check) => check.length), 5);
  console.log(`\n${"check".padEnd(width)}  ${versions.map((version) => version.padEnd(16)).join(" ")}`);
  for (const [check, row] of matrix) {
    const cells = versions.map((version) => {
      const cell = row.get(version);
      return (cell ? `${cell.passed} of ${cell.passed + cell.failed}` : "-").padEnd(16);
    });
    console.log(`${check.padEnd(width)}  ${cells.join(" ")}`.trimEnd());
  }
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !VARIANTS.some((variant) => variant.name === name));
if (unknown.length > 0) {
  console.log(`unknown: ${unknown.join(" ")}; there are ${VARIANTS.map(({ name }) => name).join(" ")}`);
  process.exit(1);
}
const variants = VARIANTS.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
const left = [...variants];
async function playRest(): Promise<void> {
  for (let variant = left.shift(); variant !== undefined; variant = left.shift()) {
    const { name } = variant;
    await play(variant).catch((error: unknown) => fail("setup", name, String(error)));
  }
}
await Promise.all(Array.from({ length: TOGETHER }, playRest));
rmSync(scratch, { recursive: true, force: true });
printMatrix(variants.map(({ name }) => name));
for (const line of failures) console.log(`  failed: ${line}`);
const passed = [...matrix.values()].flatMap((row) => [...row.values()]).reduce((all, cell) => all + cell.passed, 0);
console.log(`${passed} passed, ${failures.length} failed`);
process.exit(failures.length === 0 && passed > 0 ? 0 : 1);
