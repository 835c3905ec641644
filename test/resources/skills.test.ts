import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..", "..");
const read = (...parts: string[]) => readFileSync(join(ROOT, ...parts), "utf8");
interface ListedTool {
  readonly name: string;
  readonly inputSchema: { readonly properties?: Readonly<Record<string, { readonly enum?: readonly string[] }>> };
}
const tools: readonly ListedTool[] = JSON.parse(read("test", "fixtures", "tools-list.json"));
const named = new Map(tools.map((tool) => [tool.name, Object.keys(tool.inputSchema.properties ?? {})]));
const everyArgument = new Set([...named.values()].flat());
/** Tools that are offered only on request. */
const ACTING = ["run_deployment", "change_"];
/** Members of answers, values, prefixes and words of events that the skills speak of. */
const OTHERS =
  /^(coverage|coverage\.complete: false|coverage\.complete|gaps|source|as_of|record|live|mixed|next|next_cursor|occurred|received|follows|status|message|prefect|set_state)$/;

/** Of each item of a list or paragraph: what is in backticks, outside of blocks of code. */
function items(text: string): string[][] {
  const prose = text.replaceAll(/```[\s\S]*?```/g, "");
  const parts = prose.split(/\n\n|\n(?=\d\. |- )/);
  return parts.map((part) => [...part.replaceAll(/\s+/g, " ").matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word));
}

describe.each(["prefect-triage", "prefect-events-offline", "prefect-operations"])("the skill %s", (skill) => {
  const text = read("packaging", "plugin", "skills", skill, "SKILL.md");

  test("names only tools that are offered", () => {
    const words = items(text).flat();
    const toolLike = words.filter((word) =>
      /^(get|list|read|search|aggregate|wait|diagnose|what|compare)(_\w+)?$/.test(word),
    );
    expect(toolLike.length).toBeGreaterThan(0);
    expect(toolLike.filter((word) => !named.has(word))).toEqual([]);
  });

  test("names only arguments of a tool beside them, with values that it takes", () => {
    for (const words of items(text)) {
      const beside = words.filter((word) => named.has(word));
      for (const word of words) {
        const [, argument = "", value] = /^([a-z_]+)(?:: "?([^"]*)"?)?$/.exec(word) ?? [];
        if (argument === "" || named.has(word) || ACTING.includes(word) || OTHERS.test(word)) continue;
        if (word === skill || word.startsWith("prefect-")) continue;
        const takers = tools.filter(({ name }) => beside.length === 0 || beside.includes(name));
        const schemas = takers.flatMap(({ inputSchema }) => inputSchema.properties?.[argument] ?? []);
        expect({ word, isArgument: everyArgument.has(argument) && schemas.length > 0 }).toEqual({
          word,
          isArgument: true,
        });
        const values = schemas.flatMap((schema) => schema.enum ?? []);
        if (value !== undefined && values.length > 0) expect(values).toContain(value);
      }
    }
  });
});
