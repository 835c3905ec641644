/**
 * `bun run test:clients`: sets the built program up in the real clients, each in an empty home whose only Prefect setting is a profile,
 * and prints what they list, whether they connect, and whether a tool that they call reaches Prefect. No login: the model that asks for
 * the tool is on this computer. Programs that can check or install the files for installers do so. Ends with the line `N passed, N failed`; a client that cannot be installed here is `Not tested`.
 *
 *   bun run test:clients                 all of them
 *   bun run test:clients codex opencode  only these (names of `setup --client`)
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { startFakePrefect } from "../../../test/support/fake-prefect/fake-prefect.ts";
import { buildBundle } from "../../build.ts";
import { preparePeer } from "../../python.ts";
import { ROOT } from "../about.ts";
import { startFakeModel } from "./fake-model.ts";
import { askOracle } from "./oracle.ts";
import { PROGRAMS, type Program, writeHomeFile } from "./programs.ts";

/** Ignored by git, reused while the versions match. */
const INSTALLED = join(ROOT, ".clients");
const MODULES = join(INSTALLED, "node_modules");
const TOOL = "get_identity";
/** Only ends a program that would never end. */
const LIMIT_MS = 120_000;
const WORDS = { true: "yes", false: "NO" };

interface Row {
  readonly title: string;
  readonly version: string;
  readonly listed: boolean;
  readonly connected: boolean;
  readonly called: boolean;
}

interface Place {
  /** A client's home folder. */
  readonly home: string;
  /** Where it is started: a folder with nothing in it. */
  readonly cwd: string;
  /** In the result of the tool where Prefect answered: the address of this Prefect as a field, in text or JSON. */
  readonly proof: RegExp;
}

const rows: Row[] = [];
const problems: string[] = [];

async function run(command: readonly string[], { home, cwd }: Place, more: Readonly<Record<string, string>> = {}) {
  const PATH = [dirname(process.execPath), process.env.PATH ?? ""].join(delimiter);
  const env = { HOME: home, PATH, ...more };
  const child = Bun.spawn([...command], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  const limit = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
  const [out, error] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  const code = await child.exited;
  clearTimeout(limit);
  return { code, text: Bun.stripANSI(`${out}\n${error}`) };
}

function note(title: string, step: string, isRight: boolean, text: string): boolean {
  if (!isRight) problems.push(`== ${title}: ${step}\n${text.slice(-3000)}`);
  return isRight;
}

async function setUp(bundle: string, client: string, flags: readonly string[], place: Place): Promise<void> {
  const command = [process.execPath, bundle, "setup", "--client", client, "--yes", ...flags];
  const { code, text } = await run(command, place);
  note(client, "setup", code === 0, text);
}

async function tryProgram(program: Program & { readonly bin: string }, bundle: string, place: Place): Promise<Row> {
  const { title } = program;
  for (const [path, value] of Object.entries(program.files ?? {}))
    writeHomeFile(place.home, path, JSON.stringify(value, null, 2));
  await setUp(bundle, program.client, program.flags, place);
  const binary = join(MODULES, ".bin", program.bin);
  await using model = startFakeModel(TOOL);
  const env = program.env(model.url);
  const list = await run([binary, ...program.list], place, env);
  const asked = await run([binary, ...program.ask(model.url)], place, env);
  const isOffered = [...model.offered].some((name) => name.endsWith(TOOL));
  for (const { args, accepted } of program.installs?.(ROOT) ?? []) {
    const { text } = await run([binary, ...args], place, env);
    console.log(
      `${title}: ${args.join(" ")}: ${note(title, args.join(" "), accepted.test(text), text) ? "accepted" : "REFUSED"}`,
    );
  }
  const isConnected = program.connected?.test(list.text) ?? isOffered;
  const answer = model.answers.at(-1) ?? "";
  return {
    title,
    version: versionOf(join(MODULES, program.package)),
    listed: note(title, "list", program.listed.test(list.text), list.text),
    connected: note(title, "connect", isConnected, list.text),
    called: note(title, "call", place.proof.test(answer), `${asked.text}\n${answer}`),
  };
}

/** Clients without a model: they read the file that `setup` writes for Claude Code. */
async function tryInspector(file: string, place: Place): Promise<Row> {
  const binary = [process.execPath, "--bun", join(ROOT, "node_modules", ".bin", "mcp-inspector")];
  const options = [...binary, "--cli", "--config", file, "--server", "prefect", "--method"];
  const list = await run([...options, "tools/list"], place);
  const call = await run([...options, "tools/call", "--tool-name", TOOL], place);
  const isListed = note("Inspector", "list", list.text.includes(TOOL), list.text);
  return {
    title: "Inspector",
    version: versionOf(join(ROOT, "node_modules", "@modelcontextprotocol", "inspector")),
    listed: isListed,
    connected: isListed,
    called: note("Inspector", "call", place.proof.test(call.text), call.text),
  };
}

async function tryFastMcp(file: string, place: Place): Promise<Row | null> {
  const ready = await preparePeer(ROOT, console.log);
  if (!ready.ready) {
    console.log(`Not tested: FastMCP's client. ${ready.reason}`);
    return null;
  }
  const python = join(ROOT, ".venv-peer", "bin", "python");
  const { text } = await run([python, join(import.meta.dir, "fastmcp-call.py"), file, TOOL], place);
  const version = await run([python, "-c", "import fastmcp; print(fastmcp.__version__)"], place);
  const isListed = note("FastMCP client", "list", /^\d+ tools$/m.test(text), text);
  return {
    title: "FastMCP client",
    version: version.text.trim(),
    listed: isListed,
    connected: isListed,
    called: note("FastMCP client", "call", place.proof.test(text), text),
  };
}

/** Whether the kept answers, with which the tests compare the clients of `setup`, are those of the installed program. */
async function compareOracle(): Promise<void> {
  const kept = JSON.parse(readFileSync(join(ROOT, "test", "fixtures", "add-mcp.json"), "utf8"));
  const isSame = Bun.deepEquals(kept, JSON.parse(JSON.stringify(await askOracle(MODULES))));
  const version = versionOf(join(MODULES, "add-mcp"));
  note("add-mcp", "answers", isSame, "test/fixtures/add-mcp.json differs: bun scripts/packaging/clients/oracle.ts");
  console.log(`add-mcp ${version}: ${isSame ? "the kept answers are its own" : "OTHER ANSWERS than those kept"}`);
}

function versionOf(folder: string): string {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).version;
}

/** Without a lock: the versions in `package.json` are exact, and nothing of it is shipped. */
async function isInstalled(): Promise<boolean> {
  await Bun.write(join(INSTALLED, "package.json"), Bun.file(join(import.meta.dir, "package.json")));
  const install = [process.execPath, "install", "--no-save", "--silent"];
  const child = Bun.spawn(install, { cwd: INSTALLED, stdio: ["ignore", "inherit", "inherit"] });
  return (await child.exited) === 0;
}

function table(): string {
  const head = ["Client", "Version", "Listed", "Connected", "Tool called"];
  const cells = rows.map((row) => [
    row.title,
    row.version,
    ...[row.listed, row.connected, row.called].map((isRight) => WORDS[`${isRight}`]),
  ]);
  return [head, head.map(() => "---"), ...cells].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

async function main(wanted: readonly string[]): Promise<void> {
  const isWanted = (name: string) => wanted.length === 0 || wanted.includes(name);
  const scratch = mkdtempSync(join(tmpdir(), "prefect-mcp-clients-"));
  try {
    await using prefect = await startFakePrefect();
    const bundle = await buildBundle(join(scratch, "bundle"));
    const makePlace = (name: string): Place => {
      const [home, cwd] = [join(scratch, name), join(scratch, `${name}-folder`)];
      mkdirSync(cwd, { recursive: true });
      const profiles = `active = "here"\n[profiles.here]\nPREFECT_API_URL = "${prefect.url}"\n`;
      writeHomeFile(home, ".prefect/profiles.toml", profiles);
      return { home, cwd, proof: new RegExp(`api_url\\W{1,10}${RegExp.escape(prefect.url)}`) };
    };
    const programs = PROGRAMS.filter(({ client }) => isWanted(client));
    const canInstall = programs.length === 0 || (await isInstalled());
    if (!canInstall) console.log("Not tested: the programs from npm could not be installed.");
    for (const program of canInstall ? programs : [])
      rows.push(await tryProgram(program, bundle, makePlace(program.client)));
    if (canInstall && isWanted("add-mcp")) await compareOracle();
    const place = makePlace("configuration");
    await setUp(bundle, "claude-code", [], place);
    const file = join(place.home, ".claude.json");
    if (isWanted("inspector")) rows.push(await tryInspector(file, place));
    const fast = isWanted("fastmcp") ? await tryFastMcp(file, place) : null;
    if (fast !== null) rows.push(fast);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  for (const problem of problems) console.log(problem);
  const isWhole = ({ listed, connected, called }: Row) => listed && connected && called;
  const passed = rows.filter(isWhole).length;
  console.log(`\n${table()}\n\n${passed} passed, ${rows.length - passed} failed`);
  process.exit(passed === rows.length && passed > 0 && problems.length === 0 ? 0 : 1);
}

await main(process.argv.slice(2));
