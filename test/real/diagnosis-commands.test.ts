/** The commands that fixes name are those of Prefect's CLI: its own parser takes each of them. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { CAUSES } from "../../src/queries/diagnosis/causes/index.ts";
import { retryRun, runDeployment, setState } from "../../src/queries/diagnosis/findings/commands.ts";
import { SUBJECT_KINDS } from "../../src/queries/diagnosis/findings/scopes.ts";
import { anId } from "../support/builders.ts";
import { EXAMPLES } from "../support/diagnosis/examples.ts";
import { isAtLeast, realPrefectTarget } from "../support/real-prefect/target.ts";

const COMMAND = /prefect [a-z-]+(?: (?:'[^']*'|[^\s'(),;]+))+/g;

function commandsOfExamples(): string[] {
  const fixes = CAUSES.flatMap((cause) =>
    SUBJECT_KINDS.filter((kind) => cause.scopes[kind] === true).flatMap((kind) => {
      const facts = EXAMPLES[cause.code]?.(kind);
      return facts ? cause.judge(facts).map(({ fix }) => fix) : [];
    }),
  );
  return fixes.flatMap((fix) => [...fix.matchAll(COMMAND)].map(([command]) => command));
}

async function refused(commands: readonly string[]): Promise<[string, string][]> {
  const python = join(realPrefectTarget().bin, "python");
  const script = join(import.meta.dir, "../support/diagnosis/parse-commands.py");
  const child = Bun.spawn([python, script], { stdin: new Blob([JSON.stringify(commands)]), stdout: "pipe" });
  return JSON.parse(await new Response(child.stdout).text());
}

test("every command of a fix is accepted, and one that does not exist is not", async () => {
  // Older ones have another parser; the commands are those of the newest.
  if (!isAtLeast("3.8.0")) return;
  const id = anId(1);
  const commands = [...new Set([...commandsOfExamples(), setState(id, "SCHEDULED"), retryRun(id), runDeployment(id)])];
  expect(commands.length).toBeGreaterThan(25);
  const unknown = `prefect flow-run revive ${id}`;
  expect((await refused([...commands, unknown])).map(([command]) => command)).toEqual([unknown]);
});
