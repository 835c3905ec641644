/** `bun scripts/packaging/check-release.ts v1.2.3`: whether the tag, the version, the change log and the checkout fit. Part of `.ci/release`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface ReleaseFacts {
  readonly tag: string;
  /** Of package.json. */
  readonly version: string;
  readonly changelog: string;
  /** Tags of the current commit. */
  readonly tags: readonly string[];
  /** Output of `git status --porcelain`. */
  readonly changes: string;
}

/** One sentence for each reason not to publish. Pure. */
export function releaseProblems({ tag, version, changelog, tags, changes }: ReleaseFacts): string[] {
  const [newest = ""] = changelog.split(/^(?=## )/m).slice(1);
  const [heading = "", ...entries] = newest.trim().split("\n");
  const problems: readonly (readonly [isWrong: boolean, sentence: string])[] = [
    [tag !== `v${version}`, `The tag is ${tag}, the version in package.json is ${version}.`],
    [!tags.includes(tag), `The current commit does not have the tag ${tag}.`],
    [changes.trim() !== "", `The checkout has changes:\n${changes.trimEnd()}`],
    [heading !== `## ${version}`, `CHANGELOG.md begins with "${heading}" instead of "## ${version}".`],
    [entries.join("").trim() === "", "The newest section of CHANGELOG.md is empty."],
  ];
  return problems.filter(([isWrong]) => isWrong).map(([, sentence]) => sentence);
}

if (import.meta.main) {
  const root = join(import.meta.dir, "..", "..");
  const read = (name: string) => readFileSync(join(root, name), "utf8");
  const git = (...args: string[]) => Bun.spawnSync(["git", ...args], { cwd: root }).stdout.toString();
  const problems = releaseProblems({
    tag: process.argv[2] ?? "",
    version: JSON.parse(read("package.json")).version,
    changelog: read("CHANGELOG.md"),
    tags: git("tag", "--points-at", "HEAD").split("\n"),
    changes: git("status", "--porcelain"),
  });
  for (const problem of problems) console.error(problem);
  process.exit(problems.length === 0 ? 0 : 1);
}
