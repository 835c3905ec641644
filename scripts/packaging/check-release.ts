/** `bun scripts/packaging/check-release.ts v1.2.3`: whether the tag, the version, the change log and the checkout fit. Part of `.ci/release`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { aboutProgram } from "./about.ts";

export interface ReleaseFacts {
  readonly tag: string;
  /** Of package.json. */
  readonly version: string;
  readonly changelog: string;
  /** Tags of the current commit. */
  readonly tags: readonly string[];
  /** Output of `git status --porcelain`. */
  readonly changes: string;
  /** Of package.json, as `aboutProgram` reads it. */
  readonly about: OwnerFields;
}

/** What only the owner of the public repository knows. Installers, registries and npm show these fields. */
export interface OwnerFields {
  readonly mcpName: string;
  readonly repository?: string | undefined;
  readonly homepage?: string | undefined;
  readonly bugs?: string | undefined;
}

const REPOSITORY = /^https:\/\/github\.com\/([\w.-]+)\/[\w.-]+$/;

/** One sentence for each field of package.json that is still to be filled in. Pure. */
export function ownerProblems({ mcpName, repository, homepage, bugs }: OwnerFields): string[] {
  const given = { repository, homepage, bugs };
  const missing = Object.entries(given).flatMap(([name, value]) => (value ? [] : [`package.json has no "${name}".`]));
  const owner = REPOSITORY.exec(repository ?? "")?.[1];
  const account = /^io\.github\.([^/]+)\//.exec(mcpName)?.[1];
  const unknown = repository && !owner ? [`"repository" is ${repository}, not https://github.com/OWNER/NAME.`] : [];
  // The registry accepts a name below `io.github.<account>/` only from that account.
  const other =
    owner !== undefined && owner.toLowerCase() !== account?.toLowerCase()
      ? [`"mcpName" is ${mcpName}, but the repository belongs to ${owner}: it has to begin with io.github.${owner}/.`]
      : [];
  return [...missing, ...unknown, ...other];
}

/** One sentence for each reason not to publish. Pure. */
export function releaseProblems({ tag, version, changelog, tags, changes, about }: ReleaseFacts): string[] {
  const [newest = ""] = changelog.split(/^(?=## )/m).slice(1);
  const [heading = "", ...entries] = newest.trim().split("\n");
  const problems: readonly (readonly [isWrong: boolean, sentence: string])[] = [
    [tag !== `v${version}`, `The tag is ${tag}, the version in package.json is ${version}.`],
    [!tags.includes(tag), `The current commit does not have the tag ${tag}.`],
    [changes.trim() !== "", `The checkout has changes:\n${changes.trimEnd()}`],
    [heading !== `## ${version}`, `CHANGELOG.md begins with "${heading}" instead of "## ${version}".`],
    [entries.join("").trim() === "", "The newest section of CHANGELOG.md is empty."],
  ];
  return [...problems.filter(([isWrong]) => isWrong).map(([, sentence]) => sentence), ...ownerProblems(about)];
}

/** Of the checkout. */
export function releaseFacts(tag: string): ReleaseFacts {
  const root = join(import.meta.dir, "..", "..");
  const read = (name: string) => readFileSync(join(root, name), "utf8");
  const git = (...args: string[]) => Bun.spawnSync(["git", ...args], { cwd: root }).stdout.toString();
  return {
    tag,
    version: JSON.parse(read("package.json")).version,
    changelog: read("CHANGELOG.md"),
    tags: git("tag", "--points-at", "HEAD").split("\n"),
    changes: git("status", "--porcelain"),
    about: aboutProgram(read("package.json")),
  };
}

if (import.meta.main) {
  const problems = releaseProblems(releaseFacts(process.argv[2] ?? ""));
  for (const problem of problems) console.error(problem);
  process.exit(problems.length === 0 ? 0 : 1);
}
