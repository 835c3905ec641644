/**
 * No regular expression takes more than linear time for a text of its own length. Texts of flows, users and servers of Prefect go through
 * most of them, and a run of blanks in such a text would otherwise hold up all callers of the process.
 */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { analyse } from "scslre";
import { allLiterals, expressionLiterals, type SourceExpression } from "./hostile/expressions.ts";

const PROGRAM = join(import.meta.dir, "./hostile/expressions.ts");

function superlinear({ place, source, flags }: SourceExpression): string[] {
  const { reports } = analyse(new RegExp(source, flags));
  return reports.map(({ type }) => `${place} /${source}/${flags}: ${type}`);
}

test("every literal takes linear time", () => {
  const literals = allLiterals();
  expect(literals.length).toBeGreaterThan(300);
  expect(literals.flatMap(superlinear)).toEqual([]);
});

test("every expression that a module makes while it is loaded takes linear time", async () => {
  const child = Bun.spawn([process.execPath, PROGRAM], { stdout: "pipe", stderr: "pipe" });
  const made = JSON.parse(await new Response(child.stdout).text()) as SourceExpression[];
  expect(await child.exited).toBe(0);
  expect(new Set(made.map(({ place }) => place)).size).toBeGreaterThan(5);
  expect(made.flatMap(superlinear)).toEqual([]);
});

test("the analysis names an expression that is tried again from each blank, and one with two repeats of the same", () => {
  const wrong = (source: string) => superlinear({ place: "x", source, flags: "" }).length > 0;
  expect(wrong(String.raw`\s*\n`)).toBe(true);
  expect(wrong(String.raw`^\d+(?:\.\d+)+[\w.]*$`)).toBe(true);
  expect(wrong(String.raw`(?<!\s)\s*\n`)).toBe(false);
});

test("literals are found between divisions, comments, texts and templates", () => {
  const text = [
    "const a = b / c; const d = e / f; // /no/",
    "const s = \"/no/\" + '/no/'; /* /no/ */",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source text.
    "const t = `/no/ ${/yes [/] 1/g.test(a) ? `${/yes 2/}` : {}} /no/`;",
    "if (!/yes 3/iu.test(s)) return /yes \\/4/;",
    "const list = [/yes 5/, (1) / 2];",
  ].join("\n");
  expect(expressionLiterals(text).map(({ source, flags }) => `${source}${flags}`)).toEqual([
    "yes [/] 1g",
    "yes 2",
    "yes 3iu",
    "yes \\/4",
    "yes 5",
  ]);
});
