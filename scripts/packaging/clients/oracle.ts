/**
 * What the program `add-mcp` knows of the clients of `setup`: their files on three systems, and how they write a server down. It is asked as
 * it is published; only `process.platform` and `HOME` are set, and its POSIX paths become Windows paths. The answer is kept in
 * `test/fixtures/add-mcp.json`, with which a test compares the clients of `setup`.
 * `bun scripts/packaging/clients/oracle.ts FOLDER` prints it; FOLDER: a node_modules with add-mcp.
 */
import { join } from "node:path";

export const HOMES = { linux: "/home/ada", darwin: "/Users/ada", win32: "C:\\Users\\ada" } as const;
export type System = keyof typeof HOMES;

interface Answer {
  readonly file: string;
  readonly servers: readonly string[];
  readonly format: string;
  readonly entry: Readonly<Record<string, unknown>>;
}

export interface OracleClient extends Omit<Answer, "file"> {
  readonly files: Readonly<Record<System, string>>;
}
/** By the names of add-mcp. */
export type Oracle = Readonly<Record<string, OracleClient>>;

/** The server that it is asked about. */
export const ASKED = { command: "/b/bun", args: ["/p.js", "--profile", "x"], env: { A: "1" } };

const QUESTION = `
  const [library, platform, text] = process.argv.slice(-3);
  Object.defineProperty(process, "platform", { value: platform });
  const { agents } = await import(library);
  const answers = Object.entries(agents).map(([id, agent]) => {
    const options = { local: false, cwd: "/nowhere" };
    const file = agent.resolveConfigPath?.(agent, options) ?? agent.configPath;
    const entry = agent.transformConfig("prefect", JSON.parse(text), { local: false, configKey: agent.configKey });
    return [id, { file, servers: agent.configKey.split("."), format: agent.format, entry }];
  });
  console.log(JSON.stringify(Object.fromEntries(answers)));
`;

async function ask(modules: string, system: System): Promise<Record<string, Answer>> {
  const library = join(modules, "add-mcp", "dist", "lib.js");
  const command = [process.execPath, "-e", QUESTION, library, system, JSON.stringify(ASKED)];
  // Without the last one Bun would write its cache of sources below HOME.
  const env = { HOME: HOMES[system], PATH: process.env.PATH ?? "", BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0" };
  const child = Bun.spawn(command, { env, stderr: "inherit" });
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`add-mcp does not answer for ${system}`);
  const answers = JSON.parse(text) as Record<string, Answer>;
  const path = (file: string) => (system === "win32" ? file.replaceAll("/", "\\") : file);
  return Object.fromEntries(Object.entries(answers).map(([id, one]) => [id, { ...one, file: path(one.file) }]));
}

export async function askOracle(modules: string): Promise<Oracle> {
  const linux = await ask(modules, "linux");
  const [darwin, win32] = await Promise.all([ask(modules, "darwin"), ask(modules, "win32")]);
  return Object.fromEntries(
    Object.entries(linux).map(([id, { file, ...one }]) => [
      id,
      { files: { linux: file, darwin: darwin[id]?.file ?? "", win32: win32[id]?.file ?? "" }, ...one },
    ]),
  );
}

if (import.meta.main) console.log(JSON.stringify(await askOracle(process.argv[2] ?? ""), null, 1));
