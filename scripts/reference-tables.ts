/**
 * The tables of tools and settings in docs/reference.md, between their markers, made from the definitions.
 * `bun scripts/reference-tables.ts` writes them; `--check` fails when the file is stale.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SETTING_NAMES, type SettingName, settingMeta, settingsSchema } from "../src/config/schema.ts";
import { showSetting } from "../src/config/shown.ts";
import { allTools } from "../src/tools/index.ts";

const REFERENCE = join(import.meta.dir, "..", "docs", "reference.md");

/** The text of the reference with current tables. Throws when a marker is missing. */
export function withTables(reference: string): string {
  const tables = { tools: toolTable(), "prefect settings": prefectTable(), settings: ownTable() };
  return Object.entries(tables).reduce((text, [name, table]) => {
    const [begin, end] = [`<!-- begin ${name} -->`, `<!-- end ${name} -->`];
    const [from, to] = [text.indexOf(begin), text.indexOf(end)];
    if (from < 0 || to < from) throw new Error(`docs/reference.md lacks the markers of "${name}"`);
    return `${text.slice(0, from + begin.length)}\n${table}\n${text.slice(to)}`;
  }, reference);
}

function row(...cells: string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
}

function toolTable(): string {
  const rows = allTools.map(({ name, description, isCloudOnly }) =>
    row(
      `\`${name}\``,
      `${firstSentence(description)}${isCloudOnly && !description.includes("Cloud only") ? " Prefect Cloud only." : ""}`,
    ),
  );
  return [row("Tool", "What it answers"), "|---|---|", ...rows].join("\n");
}

/** Up to the first full stop that ends a sentence. */
function firstSentence(text: string): string {
  return /^.*?[.?!](?=\s|$)/s.exec(text)?.[0] ?? text;
}

const isOwn = (name: SettingName) => name.startsWith("PREFECT_MCP_");

function prefectTable(): string {
  return settingTable(SETTING_NAMES.filter((name) => !isOwn(name)));
}

function ownTable(): string {
  return settingTable(SETTING_NAMES.filter(isOwn));
}

function settingTable(names: readonly SettingName[]): string {
  const defaults = settingsSchema.parse({});
  const rows = names.map((name) => {
    const { cli, description, defaultText } = settingMeta(name);
    const shown = defaultText ?? `\`${showSetting(name, defaults[name])}\``;
    return row(`\`${name}\`${cli ? ` \`--${cli}\`` : ""}`, shown === "`(none)`" ? "" : shown, description);
  });
  return [row("Setting", "Default", "Meaning"), "|---|---|---|", ...rows].join("\n");
}

if (import.meta.main) {
  const current = readFileSync(REFERENCE, "utf8");
  const fresh = withTables(current);
  if (process.argv.includes("--check")) {
    if (fresh !== current) throw new Error("docs/reference.md is stale: run `bun scripts/reference-tables.ts`");
  } else writeFileSync(REFERENCE, fresh);
}
