/**
 * What was built from what: an in-toto statement with the predicate of SLSA provenance 1.0, beside the files of a release. It is not signed;
 * the release workflow has the same files signed by `actions/attest-build-provenance`, which needs the identity of a public CI.
 * https://in-toto.io/Statement/v1 and https://slsa.dev/spec/v1.0/provenance
 */

export interface BuiltFile {
  readonly file: string;
  readonly sha256: string;
}

export interface BuildFacts {
  readonly files: readonly BuiltFile[];
  /** The commit that was built. */
  readonly commit: string;
  /** Address of the repository; undefined until it is filled in. */
  readonly repository: string | undefined;
  /** The Bun that compiled. */
  readonly bun: string;
  /** Address of the run of a CI, or undefined on another computer. */
  readonly run: string | undefined;
}

/** Pure. */
export function provenanceStatement({ files, commit, repository, bun, run }: BuildFacts) {
  return {
    _type: "https://in-toto.io/Statement/v1",
    subject: files.map(({ file, sha256 }) => ({ name: file, digest: { sha256 } })),
    predicateType: "https://slsa.dev/provenance/v1",
    predicate: {
      buildDefinition: {
        buildType: `${repository ?? "urn:prefect-mcp-bun"}/scripts/packaging/release-files.ts`,
        externalParameters: { command: "bun scripts/packaging/release-files.ts" },
        resolvedDependencies: [
          { uri: `git+${repository ?? "urn:prefect-mcp-bun"}`, digest: { gitCommit: commit } },
          { uri: `pkg:npm/bun@${bun}` },
        ],
      },
      runDetails: {
        builder: { id: run === undefined ? "urn:local-computer" : "https://github.com/actions/runner/github-hosted" },
        ...(run === undefined ? {} : { metadata: { invocationId: run } }),
      },
    },
  };
}
