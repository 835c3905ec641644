/**
 * Agent Skills that are served to clients: https://modelcontextprotocol.io/seps/2640. The entries are what the SDK's `skillEntry` makes of
 * the same files (a test compares them); its extension is not used, because it registers its own handlers for resources and adds
 * 57 KB with a parser of YAML to every start.
 */
import events from "../../packaging/plugin/skills/prefect-events-offline/SKILL.md" with { type: "text" };
import operations from "../../packaging/plugin/skills/prefect-operations/SKILL.md" with { type: "text" };
import triage from "../../packaging/plugin/skills/prefect-triage/SKILL.md" with { type: "text" };
import type { ResourceDefinition } from "./define.ts";

const TITLES = [
  ["Skill: exploring events without Prefect", events],
  ["Skill: changing things with the prefect CLI", operations],
  ["Skill: triage of failures", triage],
] as const;

/** Keys and values before the text, one a line. */
function frontmatterOf(text: string): Readonly<Record<string, string>> {
  const [, head = ""] = /^---\n([\s\S]*?)\n---\n/.exec(text) ?? [];
  return Object.fromEntries(head.split("\n").map((line) => line.split(/: (.*)/s, 2)));
}

export const skillResources: readonly ResourceDefinition[] = TITLES.map(([title, text]) => {
  const { name = "", description = "" } = frontmatterOf(text);
  const uri = `skill://${name}/SKILL.md`;
  return { uri, name, title, description, mimeType: "text/markdown", content: { text } };
});

export interface SkillEntry {
  readonly [key: string]: unknown;
  readonly uri: string;
  readonly frontmatter: Readonly<Record<string, string>>;
  readonly resources: readonly { readonly uri: string; readonly digest: string; readonly size: number }[];
}

/** The answer of `skills/list`, with a digest of each file. */
export function skillEntries(): SkillEntry[] {
  return skillResources.flatMap(({ uri, content }) => {
    if (!("text" in content)) return [];
    const digest = `sha256:${new Bun.CryptoHasher("sha256").update(content.text).digest("hex")}`;
    const size = Buffer.byteLength(content.text);
    return [{ uri, frontmatter: frontmatterOf(content.text), resources: [{ uri, digest, size }] }];
  });
}
