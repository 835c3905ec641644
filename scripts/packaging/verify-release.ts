/**
 * `bun scripts/packaging/verify-release.ts [FOLDER]`: whether the files of a release belong together, without a network: SHA256SUMS against
 * the files, `provenance.json` against them and against the form of in-toto, the bundles of `server.json` against them. A signature is
 * not among it: `gh attestation verify FILE --repo OWNER/REPOSITORY` checks that of a published file, and needs the network.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./about.ts";

const SUMS = "SHA256SUMS";
const PROVENANCE = "provenance.json";

type Json = Readonly<Record<string, unknown>>;

function sha256(path: string): string {
  return new Bun.CryptoHasher("sha256").update(readFileSync(path)).digest("hex");
}

/** https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md and https://slsa.dev/spec/v1.0/provenance: what has to be there. */
export function statementProblems(statement: Json): string[] {
  const { _type, subject, predicateType, predicate } = statement;
  const subjects = Array.isArray(subject) ? (subject as Json[]) : [];
  const { buildDefinition, runDetails } = (predicate ?? {}) as { buildDefinition?: Json; runDetails?: Json };
  const isAddress = (value: unknown) => typeof value === "string" && /^[a-z][a-z0-9+.-]*:/i.test(value);
  const dependencies = buildDefinition?.resolvedDependencies;
  const checks: readonly (readonly [boolean, string])[] = [
    [_type === "https://in-toto.io/Statement/v1", "_type is that of a statement"],
    [predicateType === "https://slsa.dev/provenance/v1", "predicateType is that of a provenance"],
    [subjects.length > 0, "there is a subject"],
    [new Set(subjects.map(({ name }) => name)).size === subjects.length, "each subject is named once"],
    [
      subjects.every(({ digest }) => /^[0-9a-f]{64}$/.test(String((digest as Json | undefined)?.sha256))),
      "each subject has a sha256",
    ],
    [isAddress(buildDefinition?.buildType), "buildType is an address"],
    [typeof buildDefinition?.externalParameters === "object", "externalParameters are there"],
    [
      Array.isArray(dependencies) && dependencies.every((one: Json) => isAddress(one.uri) || one.digest !== undefined),
      "each dependency has an address or a digest",
    ],
    [isAddress((runDetails?.builder as Json | undefined)?.id), "builder.id is an address"],
  ];
  return checks.filter(([isRight]) => !isRight).map(([, what]) => `${PROVENANCE}: it is not true that ${what}`);
}

/** Empty where all files belong together. */
export function releaseFileProblems(folder: string): string[] {
  const missing = [SUMS, PROVENANCE].filter((file) => !existsSync(join(folder, file)));
  if (missing.length > 0) return missing.map((file) => `${file} is missing`);
  const hashes = new Map(readdirSync(folder).map((file) => [file, sha256(join(folder, file))]));
  const lines = readFileSync(join(folder, SUMS), "utf8").trimEnd().split("\n");
  const sums = new Map(lines.map((line) => [line.slice(66), line.slice(0, 64)]));
  const statement = JSON.parse(readFileSync(join(folder, PROVENANCE), "utf8")) as Json;
  const subjects = new Map(
    ((statement.subject ?? []) as { name: string; digest: { sha256: string } }[]).map((one) => [
      one.name,
      one.digest?.sha256,
    ]),
  );
  const listed = (list: ReadonlyMap<string, string>, name: string, without: readonly string[]) => [
    ...[...hashes]
      .filter(([file, hash]) => !without.includes(file) && list.get(file) !== hash)
      .map(([file]) => `${name} ${list.has(file) ? "has another hash for" : "does not name"} ${file}`),
    ...[...list.keys()].filter((file) => !hashes.has(file)).map((file) => `${name} names ${file}, which is missing`),
  ];
  return [
    ...listed(sums, SUMS, [SUMS]),
    ...listed(subjects, PROVENANCE, [SUMS, PROVENANCE]),
    ...statementProblems(statement),
    ...bundleProblems(folder, hashes),
  ];
}

function bundleProblems(folder: string, hashes: ReadonlyMap<string, string>): string[] {
  const path = join(folder, "server.json");
  if (!existsSync(path)) return ["server.json is missing"];
  const { packages = [] } = JSON.parse(readFileSync(path, "utf8")) as { packages?: Json[] };
  return packages
    .filter(({ registryType }) => registryType === "mcpb")
    .map(({ identifier, fileSha256 }) => [String(identifier).split("/").at(-1) ?? "", fileSha256] as const)
    .filter(([file, hash]) => hashes.get(file) !== hash)
    .map(([file]) => `server.json has another hash for ${file}`);
}

if (import.meta.main) {
  const problems = releaseFileProblems(process.argv[2] ?? join(ROOT, "dist", "release"));
  for (const problem of problems) console.log(problem);
  console.log(
    problems.length === 0 ? "The files of the release belong together." : "The files do not belong together.",
  );
  process.exit(problems.length === 0 ? 0 : 1);
}
