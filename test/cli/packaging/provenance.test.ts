import { expect, test } from "bun:test";
import { provenanceStatement } from "../../../scripts/packaging/provenance.ts";

const facts = {
  files: [{ file: "prefect-mcp-bun-linux-x64", sha256: "0".repeat(64) }],
  commit: "1".repeat(40),
  repository: "https://github.com/account/prefect-mcp-bun",
  bun: "1.4.5",
  run: "https://github.com/account/prefect-mcp-bun/actions/runs/7",
};

test("the provenance names each file with its hash, the commit, the compiler and the run", () => {
  const { subject, predicate, predicateType } = provenanceStatement(facts);
  expect(predicateType).toBe("https://slsa.dev/provenance/v1");
  expect(subject).toEqual([{ name: "prefect-mcp-bun-linux-x64", digest: { sha256: "0".repeat(64) } }]);
  expect(predicate.buildDefinition.resolvedDependencies).toEqual([
    { uri: "git+https://github.com/account/prefect-mcp-bun", digest: { gitCommit: "1".repeat(40) } },
    { uri: "pkg:npm/bun@1.4.5" },
  ]);
  expect(predicate.runDetails.metadata).toEqual({ invocationId: facts.run });
});

test("the provenance of another computer does not claim to be of a CI", () => {
  const { predicate } = provenanceStatement({ ...facts, repository: undefined, run: undefined });
  expect(predicate.runDetails).toEqual({ builder: { id: "urn:local-computer" } });
});
