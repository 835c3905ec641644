/** The rules of the source tree as functions of its text. `architecture.test.ts` runs them on `src/` and on broken examples. */
import { posix } from "node:path";

export interface SourceFile {
  /** Below `src/`, with slashes: `store/events.ts`. */
  readonly path: string;
  readonly text: string;
}

export const MAX_LINES = 400;
export const MAX_MEDIAN_LINES = 100;

/** Lowest first; a unit imports from itself and from lower layers. */
const LAYERS: readonly (readonly string[])[] = [
  ["lib"],
  ["model"],
  ["config", "prefect", "store"],
  ["sync", "queries"],
  ["tools", "resources", "prompts"],
  ["mcp"],
  ["app", "demo"],
  ["cli"],
];

function unitOf(path: string): string {
  if (path === "errors.ts") return "lib";
  if (path === "main.ts") return "cli";
  return path.split("/")[0] ?? "";
}

function layerOf(unit: string): number {
  return LAYERS.findIndex((units) => units.includes(unit));
}

/** Comments out; a `//` inside an address stays. */
function codeOf(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");
}

interface Import {
  readonly from: string;
  readonly clause: string;
}

export function importsOf(text: string): Import[] {
  const code = codeOf(text);
  const fixed = [...code.matchAll(/^(?:import|export)\b([^;"]*?)\bfrom\s*"([^"]+)"/gm)];
  const bare = [...code.matchAll(/^import\s*()"([^"]+)"/gm)];
  const lazy = [...code.matchAll(/\bimport\(()\s*"([^"]+)"/g)];
  return [...fixed, ...bare, ...lazy].map(([, clause = "", from = ""]) => ({ clause: clause.trim(), from }));
}

export function layerViolations({ path, text }: SourceFile): string[] {
  const unit = unitOf(path);
  if (layerOf(unit) < 0) return [`${path}: belongs to no layer`];
  return importsOf(text).flatMap(({ from }) => {
    if (!from.startsWith(".") || /\.(json|md|sql|txt)$/.test(from)) return [];
    const target = posix.join(posix.dirname(path), from);
    const other = unitOf(target);
    if (target === "main.ts") return [`${path}: imports main.ts`];
    const isAllowed = other === unit || (layerOf(other) >= 0 && layerOf(other) < layerOf(unit));
    return isAllowed ? [] : [`${path}: ${unit} imports ${target}`];
  });
}

interface Effect {
  readonly name: string;
  readonly pattern: RegExp;
  readonly homes: RegExp;
}

const EFFECTS: readonly Effect[] = [
  { name: "process.env", pattern: /\b(process|Bun|import\.meta)\.env\b/, homes: /^config\/env\.ts$/ },
  {
    name: "fetch",
    pattern: /(?<![.\w])fetch\(|\bglobalThis\.fetch\b/,
    homes: /^(prefect\/|mcp\/http\/telemetry\/span-export\.ts$)/,
  },
  { name: "WebSocket", pattern: /\bnew WebSocket\(/, homes: /^prefect\// },
  { name: "bun:sqlite", pattern: /"bun:sqlite"/, homes: /^store\/sqlite\.ts$/ },
  {
    name: "SQL",
    pattern:
      /\bSELECT\b[^;]*\bFROM\b|\bINSERT (OR \w+ )?INTO\b|\bDELETE FROM\b|\bUPDATE \w+ SET\b|\bPRAGMA \w|[=<>] \?|\.sqlite\.|(?<!this)\.prepare[<(]/,
    homes: /^store\//,
  },
  { name: "signals and exit", pattern: /\bprocess\.(on|once|exit|kill)\(/, homes: /^main\.ts$/ },
  { name: "the wall clock", pattern: /\bDate\.now\(|\bnew Date\(\)/, homes: /^lib\/(clock|logger)\.ts$/ },
  { name: "dates", pattern: /\bnew Date\([^)]/, homes: /^lib\/(clock|time)\.ts$/ },
  {
    name: "timers",
    pattern: /\b(setTimeout|setInterval|setImmediate|Bun\.sleep|AbortSignal\.timeout)\(/,
    homes: /^lib\//,
  },
  {
    name: "stdout",
    pattern: /\bprocess\.stdout\b|\bBun\.stdout\b/,
    homes: /^(mcp\/stdio\/stdio|cli\/terminal\/output)\.ts$/,
  },
  { name: "Workers", pattern: /\bnew Worker\(/, homes: /^app\/sync-worker\.ts$/ },
  { name: "listening", pattern: /\bBun\.(serve|listen)\(/, homes: /^(mcp|demo)\// },
  { name: "processes", pattern: /\bBun\.spawn(Sync)?\(|node:child_process/, homes: /^$/ },
];

export function effectViolations({ path, text }: SourceFile): string[] {
  const code = codeOf(text);
  return EFFECTS.filter(({ pattern, homes }) => !homes.test(path) && pattern.test(code)).map(
    ({ name }) => `${path}: ${name} used outside its home`,
  );
}

const BANNED_WORDS = /(^|-)(utils?|helpers?|common|manager|misc)(-|\.)|^base\./;
/** A list of definitions may be called index; handing on other files' exports is a barrel. */
const REEXPORT = /^export\s*(\*|\{[^}]*\})[^;"]*\bfrom\s*"/m;

export function namingViolations({ path, text }: SourceFile): string[] {
  const name = posix.basename(path);
  const found: string[] = [];
  if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.d)?\.ts$/.test(name)) found.push(`${path}: not kebab-case`);
  if (BANNED_WORDS.test(name)) found.push(`${path}: a name that says nothing`);
  if (name === "index.ts" && REEXPORT.test(codeOf(text))) found.push(`${path}: a barrel`);
  if (/^export default\b/m.test(codeOf(text)) && !name.endsWith(".d.ts")) found.push(`${path}: default export`);
  for (const { clause, from } of importsOf(text)) {
    const isData = /\.(json|md|sql|txt)$/.test(from);
    if (from.startsWith(".") && !isData && !from.endsWith(".ts")) found.push(`${path}: "${from}" lacks .ts`);
    if (!isData && /^\w+\s*(,|$)/.test(clause) && clause !== "type") found.push(`${path}: default import of "${from}"`);
  }
  return found;
}

export function lengthViolations(files: readonly SourceFile[]): string[] {
  const lengths = files.map(({ text }) => text.split("\n").length - 1);
  const tooLong = files.filter((_, index) => (lengths[index] ?? 0) > MAX_LINES);
  const sorted = lengths.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  return [
    ...tooLong.map(({ path }) => `${path}: more than ${MAX_LINES} lines`),
    ...(median >= MAX_MEDIAN_LINES ? [`the median file has ${median} lines`] : []),
  ];
}

/** The demo and the entry are leaves: only the command line knows them. */
export function demoViolations({ path, text }: SourceFile): string[] {
  const unit = unitOf(path);
  if (unit === "cli" || unit === "demo") return [];
  return importsOf(text)
    .filter(({ from }) => from.startsWith(".") && unitOf(posix.join(posix.dirname(path), from)) === "demo")
    .map(({ from }) => `${path}: imports ${from}; only cli/ may`);
}
