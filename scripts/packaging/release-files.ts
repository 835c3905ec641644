/**
 * `bun scripts/packaging/release-files.ts`: builds what a release offers for download into `dist/release`: a compiled program and a `.mcpb`
 * bundle for each platform, `server.json` with the bundles' hashes, `provenance.json` and SHA256SUMS. Each bundle is unpacked and its
 * manifest checked by the `mcpb` program; the program for this computer answers the questions of the demo.
 *
 *   --dry-run                a platform whose Bun cannot be fetched here is reported and left out, instead of ending with an error
 *   linux-x64 darwin-arm64   only these platforms
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { aboutProgram, ROOT } from "./about.ts";
import { type Bundle, type BundlePlatform, bundleManifest, registryEntry } from "./manifests.ts";
import { provenanceStatement } from "./provenance.ts";

const OUT = join(ROOT, "dist", "release");
/** Checks the manifest and writes the archive. */
const MCPB = "@anthropic-ai/mcpb@2.1.2";

interface Platform {
  readonly name: string;
  readonly os: BundlePlatform;
}

export const PLATFORMS: readonly Platform[] = [
  { name: "linux-x64", os: "linux" },
  { name: "linux-arm64", os: "linux" },
  { name: "darwin-x64", os: "darwin" },
  { name: "darwin-arm64", os: "darwin" },
  { name: "windows-x64", os: "win32" },
];
const about = aboutProgram();

async function run(command: readonly string[]): Promise<string> {
  const child = Bun.spawn([...command], { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  const [out, error] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")}\n${out}${error}`.trimEnd());
  return out.trim();
}

async function compile({ name, os }: Platform): Promise<string> {
  const file = join(OUT, `${about.name}-${name}${os === "win32" ? ".exe" : ""}`);
  const target = ["--compile", "--minify", `--target=bun-${name}`, "--outfile", file];
  await run([process.execPath, "build", ...target, join(ROOT, "src", "main.ts")]);
  if (isNative({ name, os }) && (await run([file, "--version"])) !== about.version)
    throw new Error(`${file} has not the version of package.json`);
  if (isNative({ name, os })) await run([file, "demo"]);
  return file;
}

async function pack({ name, os }: Platform, program: string): Promise<Bundle> {
  const folder = mkdtempSync(join(tmpdir(), "prefect-mcp-bundle-"));
  try {
    const manifest = bundleManifest(about, os);
    await Bun.write(join(folder, "manifest.json"), JSON.stringify(manifest, null, 2));
    const copy = join(folder, manifest.server.entry_point);
    mkdirSync(join(folder, "server"));
    await run(["cp", "-p", program, copy]);
    const file = `${about.name}-${name}.mcpb`;
    await run([process.execPath, "x", MCPB, "pack", folder, join(OUT, file)]);
    await proveBundle(join(OUT, file), { name, os });
    return { file, sha256: await sha256(join(OUT, file)) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a client does with a bundle: it is unpacked, its manifest is checked, and the program of this computer is run out of it. */
async function proveBundle(file: string, platform: Platform): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "prefect-mcp-unpacked-"));
  try {
    await run([process.execPath, "x", MCPB, "unpack", file, folder]);
    await run([process.execPath, "x", MCPB, "validate", join(folder, "manifest.json")]);
    const program = join(folder, bundleManifest(about, platform.os).server.entry_point);
    if (isNative(platform) && (await run([program, "--version"])) !== about.version)
      throw new Error(`the program in ${file} has not the version of package.json`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function isNative({ name, os }: Platform): boolean {
  return os === process.platform && name.endsWith(process.arch);
}

async function sha256(path: string): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  for await (const chunk of Bun.file(path).stream()) hash.update(chunk);
  return hash.digest("hex");
}

/** https://docs.github.com/en/actions/reference/workflows-and-actions/variables */
function ciRun(): string | undefined {
  const { GITHUB_SERVER_URL, GITHUB_REPOSITORY, GITHUB_RUN_ID } = process.env;
  return GITHUB_RUN_ID && `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}/actions/runs/${GITHUB_RUN_ID}`;
}

async function main(args: readonly string[]): Promise<void> {
  const isDryRun = args.includes("--dry-run");
  const names = args.filter((arg) => !arg.startsWith("--"));
  const bundles: Bundle[] = [];
  rmSync(OUT, { recursive: true, force: true });
  mkdirSync(OUT, { recursive: true });
  for (const platform of PLATFORMS.filter(({ name }) => names.length === 0 || names.includes(name))) {
    try {
      bundles.push(await pack(platform, await compile(platform)));
      console.log(`built ${platform.name}`);
    } catch (error) {
      if (!isDryRun) throw error;
      console.log(`NOT BUILT ${platform.name}: ${error instanceof Error ? error.message : error}`);
    }
  }
  await Bun.write(join(OUT, "server.json"), `${JSON.stringify(registryEntry(about, bundles), null, 2)}\n`);
  const built = await Promise.all(
    readdirSync(OUT)
      .sort()
      .map(async (file) => ({ file, sha256: await sha256(join(OUT, file)) })),
  );
  const statement = provenanceStatement({
    files: built,
    commit: await run(["git", "rev-parse", "HEAD"]),
    repository: about.repository,
    bun: Bun.version,
    run: ciRun(),
  });
  await Bun.write(join(OUT, "provenance.json"), `${JSON.stringify(statement, null, 2)}\n`);
  const files = readdirSync(OUT).sort();
  const sums = await Promise.all(files.map(async (file) => `${await sha256(join(OUT, file))}  ${file}\n`));
  await Bun.write(join(OUT, "SHA256SUMS"), sums.join(""));
  console.log(sums.join("").trimEnd());
  if (about.repository === undefined)
    console.log("server.json has no bundles: fill in `repository` in package.json, which their addresses begin with.");
}

if (import.meta.main) await main(process.argv.slice(2));
