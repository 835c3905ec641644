import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { provenanceStatement } from "../../../scripts/packaging/provenance.ts";
import { releaseFileProblems, statementProblems } from "../../../scripts/packaging/verify-release.ts";

let folder: string;
const sha256 = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest("hex");
const write = (file: string, text: string) => writeFileSync(join(folder, file), text);
const statement = (files: Readonly<Record<string, string>>) =>
  provenanceStatement({
    files: Object.entries(files).map(([file, text]) => ({ file, sha256: sha256(text) })),
    commit: "1".repeat(40),
    repository: undefined,
    bun: "1.4.5",
    run: undefined,
  });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "verify-release-"));
  const bundle = { registryType: "mcpb", identifier: "https://host/download/a.mcpb", fileSha256: sha256("bundle") };
  const files = { "a.mcpb": "bundle", program: "program", "server.json": JSON.stringify({ packages: [bundle] }) };
  const all = { ...files, "provenance.json": JSON.stringify(statement(files)) };
  for (const [file, text] of Object.entries(all)) write(file, text);
  const sums = Object.entries(all).map(([file, text]) => `${sha256(text)}  ${file}\n`);
  write("SHA256SUMS", sums.join(""));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("the files of a release belong together", () => {
  expect(releaseFileProblems(folder)).toEqual([]);
});

test.each([
  [
    "a changed bundle",
    () => write("a.mcpb", "other"),
    [
      "SHA256SUMS has another hash for a.mcpb",
      "provenance.json has another hash for a.mcpb",
      "server.json has another hash for a.mcpb",
    ],
  ],
  ["a file more", () => write("b", "b"), ["SHA256SUMS does not name b", "provenance.json does not name b"]],
  [
    "a missing program",
    () => rmSync(join(folder, "program")),
    ["SHA256SUMS names program, which is missing", "provenance.json names program, which is missing"],
  ],
  ["no list of hashes", () => rmSync(join(folder, "SHA256SUMS")), ["SHA256SUMS is missing"]],
  [
    "another statement",
    () => {
      const text = readFileSync(join(folder, "provenance.json"), "utf8").replace("Statement/v1", "Statement/v2");
      write("provenance.json", text);
    },
    [
      "SHA256SUMS has another hash for provenance.json",
      "provenance.json: it is not true that _type is that of a statement",
    ],
  ],
])("%s is found", (_, change, problems) => {
  change();
  expect(releaseFileProblems(folder)).toEqual(problems);
});

test("a statement without its parts is refused for each of them", () => {
  expect(statementProblems(statement({ a: "a" }))).toEqual([]);
  expect(statementProblems({})).toHaveLength(7);
});
