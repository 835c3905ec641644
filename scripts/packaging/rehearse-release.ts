/**
 * `bun scripts/packaging/rehearse-release.ts`: runs each step of a release that this computer can run, publishes nothing, and prints what
 * each step found. The tests are not among them: `.ci/release --dry-run TAG` runs those too. Ends with 1 when a step failed; fields that
 * only the owner can fill in, and steps that need another computer, are listed and do not fail it.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { aboutProgram, ROOT } from "./about.ts";
import { releaseFacts, releaseProblems } from "./check-release.ts";
import { bundleManifest, manifestTexts } from "./manifests.ts";
import { PLATFORMS } from "./release-files.ts";
import { releaseFileProblems } from "./verify-release.ts";

const about = aboutProgram();
const OUT = join(ROOT, "dist", "release");
let failures = 0;

function report(step: string, isRight: boolean, ...details: readonly string[]): void {
  if (!isRight) failures += 1;
  console.log(`${isRight ? "ok    " : "FAILED"}  ${step}`);
  for (const line of details) console.log(`          ${line}`);
}

async function run(command: readonly string[]): Promise<{ readonly isRight: boolean; readonly lines: string[] }> {
  const child = Bun.spawn([...command], { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  const [out, error] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  const lines = `${out}\n${error}`.split("\n").filter((line) => line.trim() !== "");
  return { isRight: (await child.exited) === 0, lines };
}

/** Each file that names a version, and the one that it names. */
function versions(): [file: string, version: string | undefined][] {
  const read = (path: string) => readFileSync(join(ROOT, path), "utf8");
  const texts = manifestTexts(about);
  const named = Object.keys(texts).flatMap((path): [string, string | undefined][] => {
    const found = [...read(path).matchAll(/(?:"version": |image\.version=)"([^"]+)"/g)].map(([, version]) => version);
    return [...new Set(found)].map((version) => [path, version]);
  });
  const heading = /^## (.+)$/m.exec(read("CHANGELOG.md"))?.[1];
  return [...named, ["CHANGELOG.md", heading], ["manifest of .mcpb", bundleManifest(about, "linux").version]];
}

const stale = Object.entries(manifestTexts(about)).filter(
  ([path, text]) => readFileSync(join(ROOT, path), "utf8") !== text,
);
const stalePaths = stale.map(([path]) => `stale: ${path}; run bun scripts/packaging/manifests.ts`);
report("files for installers are made from package.json", stale.length === 0, ...stalePaths);

const found = versions();
report(
  `one version everywhere: ${about.version}`,
  found.every(([, version]) => version === about.version),
  ...found.map(([file, version]) => `${version} ${file}`),
);

const files = await run([process.execPath, "scripts/packaging/release-files.ts", "--dry-run"]);
const built = existsSync(OUT) ? readdirSync(OUT) : [];
const missing = PLATFORMS.filter(({ name }) => !built.includes(`${about.name}-${name}.mcpb`));
report("programs, bundles, checksums, provenance", files.isRight && missing.length === 0, ...files.lines);

const unequal = releaseFileProblems(OUT);
report("hashes, provenance and server.json belong to these files (unsigned)", unequal.length === 0, ...unequal);

const packed = await run(["npm", "publish", "--dry-run", "--access", "public"]);
report("npm package (npm publish --dry-run)", packed.isRight, ...packed.lines.slice(-25));

const owner = releaseProblems(releaseFacts(`v${about.version}`));
console.log(`\nA real release of v${about.version} would be refused now for:`);
for (const problem of owner.length === 0 ? ["nothing"] : owner)
  console.log(`          ${problem.replaceAll("\n", `\n${" ".repeat(12)}`)}`);

/** The program alone is not enough: docker needs its daemon. */
const engine = ["docker", "podman"].find(
  (name) => Bun.which(name) !== null && Bun.spawnSync([name, "info"], { timeout: 20_000 }).exitCode === 0,
);
console.log("\nNot run on this computer:");
const elsewhere = [
  engine === undefined
    ? "the container image, because neither docker nor podman runs here"
    : `the container image: ${engine} build -f packaging/Containerfile .`,
  ...PLATFORMS.filter(({ name, os }) => os !== process.platform || !name.endsWith(process.arch)).map(
    ({ name }) => `the program for ${name}: it is compiled here, and runs only there`,
  ),
  "signatures: npm's provenance and the attestation of the files need the identity of a public CI",
  "checks and tests: .ci/release --dry-run TAG",
];
for (const line of elsewhere) console.log(`          ${line}`);
console.log(`\n${failures === 0 ? "The rehearsal passed." : `${failures} of the steps failed.`}`);
process.exit(failures === 0 ? 0 : 1);
