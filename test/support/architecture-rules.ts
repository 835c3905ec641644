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
  ["lib", "views"],
  ["model"],
  ["config", "fleet", "prefect", "store"],
  ["sync", "queries"],
  ["acting"],
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

/**
 * The rooms of each layer, and the rooms that each may import beside itself. "" is the folder of the layer itself. A room of a
 * lower layer may always be imported. The graph of a layer has no circle.
 */
export const ROOMS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  lib: { "": [] },
  views: {
    "": [],
    app: ["", "app/answers", "app/connection", "app/pages", "app/parts"],
    "app/answers": [],
    "app/connection": ["", "app/answers"],
    "app/pages": ["", "app/answers", "app/connection", "app/parts"],
    "app/parts": ["", "app/answers", "app/connection"],
  },
  model: {
    "": [],
    text: [],
    events: ["", "text"],
    runs: ["", "events"],
    objects: ["", "events"],
    schedules: [""],
    secrets: ["events", "secrets/statements", "secrets/words"],
    "secrets/statements": ["secrets/words"],
    "secrets/words": [],
  },
  config: { "": [] },
  prefect: {
    "": ["older-servers", "transport"],
    "older-servers": ["transport"],
    paging: ["", "transport"],
    transport: [],
  },
  store: {
    "": ["file", "schema"],
    file: [],
    schema: [],
    events: ["", "schema"],
    runs: ["", "schema"],
    logs: ["", "events", "schema"],
    objects: ["", "runs", "schema"],
    past: ["", "events", "objects", "runs", "schema"],
    filters: ["", "runs", "schema"],
    retention: ["", "events", "schema"],
    search: ["", "events", "logs", "runs"],
    actions: ["file"],
  },
  fleet: { "": ["lease", "routing"], database: ["", "lease"], lease: [], replica: [], routing: ["lease"] },
  acting: { "": [], plans: [""] },
  sync: {
    "": ["context", "events", "runs", "server", "verification"],
    server: [],
    context: ["server"],
    verification: ["context", "server"],
    events: ["context", "verification"],
    runs: ["context", "server"],
  },
  queries: {
    source: [],
    docs: ["source"],
    events: ["source"],
    names: ["events", "source"],
    runs: ["events", "names", "source"],
    limits: ["events", "names", "source"],
    objects: ["limits", "names", "runs", "source"],
    search: ["events", "names", "source"],
    history: ["events", "names", "runs", "source"],
    comparison: ["history", "runs", "source"],
    forecast: ["names", "source"],
    reliability: ["names", "source"],
    workspace: ["limits", "runs", "source"],
    past: ["source"],
    lineage: ["events", "source"],
    incidents: ["diagnosis/facts", "names", "source"],
    diagnosis: [
      "diagnosis/chain",
      "diagnosis/causes",
      "diagnosis/causes/ended",
      "diagnosis/facts",
      "diagnosis/findings",
      "names",
      "source",
    ],
    "diagnosis/findings": [],
    "diagnosis/chain": ["diagnosis/facts", "diagnosis/findings", "source"],
    "diagnosis/facts": ["diagnosis/findings", "events", "limits", "objects", "runs", "source", "workspace"],
    "diagnosis/causes": [
      "diagnosis/causes/automations",
      "diagnosis/causes/ended",
      "diagnosis/causes/running",
      "diagnosis/causes/waiting",
      "diagnosis/findings",
    ],
    "diagnosis/causes/automations": ["diagnosis/causes/ended", "diagnosis/findings"],
    "diagnosis/causes/ended": ["diagnosis/findings"],
    "diagnosis/causes/running": ["diagnosis/causes/ended", "diagnosis/findings"],
    "diagnosis/causes/waiting": ["diagnosis/findings"],
  },
  tools: {
    "": ["acting", "definition", "docs", "events", "objects", "runs", "workspace"],
    acting: ["answer", "definition", "objects"],
    answer: [],
    definition: ["answer"],
    docs: ["answer", "definition"],
    events: ["answer", "definition", "runs"],
    objects: ["answer", "definition"],
    runs: ["answer", "definition"],
    workspace: ["answer", "definition"],
  },
  resources: { "": [] },
  prompts: { "": [] },
  mcp: {
    "": ["protocol", "tasks"],
    protocol: [],
    tasks: ["protocol"],
    stdio: ["", "protocol"],
    "http/requests": [""],
    "http/telemetry": ["http/requests"],
    "http/tenants": ["", "http/requests", "http/telemetry"],
    "http/fleet": ["http/requests", "http/telemetry", "http/tenants"],
    http: ["", "protocol", "http/fleet", "http/requests", "http/telemetry", "http/tenants"],
  },
  app: { "": [], workspaces: [""] },
  demo: { "": [] },
  cli: {
    "": ["arguments", "doctor", "setup", "terminal"],
    arguments: [],
    doctor: ["setup", "setup/formats", "terminal"],
    setup: ["setup/formats"],
    "setup/formats": [],
    terminal: [],
  },
};

/** The room of a file inside its layer: `queries/runs/logs.ts` is in `runs` of `queries`, `main.ts` in "" of `cli`. */
function roomOf(path: string): string {
  return path.includes("/") ? posix.dirname(path).split("/").slice(1).join("/") : "";
}

/** Imports between rooms of one layer that are not declared in `ROOMS`. */
export function roomViolations({ path, text }: SourceFile): string[] {
  const unit = unitOf(path);
  const room = roomOf(path);
  const allowed = ROOMS[unit]?.[room];
  if (allowed === undefined) return [`${path}: ${unit} declares no room "${room}"`];
  return importsOf(text).flatMap(({ from }) => {
    if (!from.startsWith(".")) return [];
    const target = posix.join(posix.dirname(path), from);
    const isNeighbour = unitOf(target) !== unit || roomOf(target) === room || allowed.includes(roomOf(target));
    return isNeighbour ? [] : [`${path}: room "${room}" of ${unit} imports ${target}`];
  });
}

/** Groups of nodes that reach each other, each sorted; empty for a graph without circles. */
export function circles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (node: string): number => {
    const own = index.size;
    index.set(node, own);
    low.set(node, own);
    stack.push(node);
    for (const next of graph.get(node) ?? []) {
      const reached = index.has(next) ? (stack.includes(next) ? (index.get(next) ?? own) : own) : visit(next);
      low.set(node, Math.min(low.get(node) ?? own, reached));
    }
    if (low.get(node) === own) {
      const group = stack.splice(stack.indexOf(node));
      if (group.length > 1) found.push(group.toSorted());
    }
    return low.get(node) ?? own;
  };
  for (const node of graph.keys()) if (!index.has(node)) visit(node);
  return found;
}

/** Files that import each other in a circle, type imports included. */
export function importCircles(files: readonly SourceFile[]): string[] {
  const graph = new Map(
    files.map(({ path, text }) => {
      const own = importsOf(text).filter(({ from }) => from.startsWith("."));
      return [path, own.map(({ from }) => posix.join(posix.dirname(path), from))] as const;
    }),
  );
  return circles(graph).map((group) => `import circle: ${group.join(", ")}`);
}

/** Declared rooms that reach each other. */
export function roomCircles(rooms: typeof ROOMS = ROOMS): string[] {
  return Object.entries(rooms).flatMap(([unit, graph]) =>
    circles(new Map(Object.entries(graph))).map((group) => `rooms of ${unit} in a circle: ${group.join(", ")}`),
  );
}

/** Entries that a folder may show, folders included. */
export const MAX_ENTRIES = 24;

/** Folders with more than `MAX_ENTRIES` entries. `paths`: files below one root. */
export function widthViolations(paths: readonly string[]): string[] {
  const entries = new Map<string, Set<string>>();
  for (const path of paths) {
    const parts = path.split("/");
    for (let depth = 0; depth < parts.length; depth += 1) {
      const folder = parts.slice(0, depth).join("/");
      entries.set(folder, (entries.get(folder) ?? new Set()).add(parts[depth] ?? ""));
    }
  }
  return [...entries]
    .filter(([, names]) => names.size > MAX_ENTRIES)
    .map(([folder, names]) => `${folder}/ shows ${names.size} entries, more than ${MAX_ENTRIES}`);
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
  const lazy = [...code.matchAll(/\b(?:import|require)\(()\s*"([^"]+)"/g)];
  return [...fixed, ...bare, ...lazy].map(([, clause = "", from = ""]) => ({ clause: clause.trim(), from }));
}

export function layerViolations({ path, text }: SourceFile): string[] {
  const unit = unitOf(path);
  if (layerOf(unit) < 0) return [`${path}: belongs to no layer`];
  return importsOf(text).flatMap(({ from }) => {
    if (!from.startsWith(".") || /\.(css|json|md|sql|txt)$/.test(from)) return [];
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
    homes: /^(prefect\/|fleet\/routing\/(forward|peer-probes)\.ts$)/,
  },
  {
    name: "a package that uses the network",
    pattern: /"(jose|postgres|@opentelemetry\/exporter-[\w-]+)"/,
    homes: /^(mcp\/http\/(caller-auth|telemetry\/otel-exporter)|fleet\/database\/postgres-store)\.ts$/,
  },
  {
    // Writing to Prefect: everything else gets `PrefectApi`, which only reads.
    name: "the writing requests",
    pattern: /"[^"]*\/(write-api|writes|acting\/access)\.ts"/,
    homes: /^(acting\/|prefect\/|app\/|tools\/(acting|definition)\/)/,
  },
  { name: "WebSocket", pattern: /\bnew WebSocket\(/, homes: /^prefect\// },
  { name: "bun:sqlite", pattern: /"bun:sqlite"/, homes: /^store\/file\/sqlite\.ts$/ },
  {
    name: "SQL",
    pattern:
      /\bSELECT\b[^;]*\bFROM\b|\bINSERT (OR \w+ )?INTO\b|\bDELETE FROM\b|\bUPDATE \w+ SET\b|\bPRAGMA \w|[=<>] \?|\.sqlite\.|(?<!this)\.prepare[<(]/,
    homes: /^(store|fleet\/database)\//,
  },
  {
    name: "drizzle at run time",
    pattern: /^import (?!type\b)[^;"]*"(drizzle-orm[^"]*|\.[^"]*\/schema\/[^"]+)"/m,
    homes: /^(store\/schema|fleet\/database)\//,
  },
  {
    // `append`, `largest`, `latestOf` and the like of `lib/lists.ts` and `lib/time.ts` take lists of any length.
    name: "a list as arguments",
    pattern:
      /\.(?:push|unshift|fromCharCode|fromCodePoint)\((?:[^(){}[\]]*,\s*)?\.\.\.|\bMath\.(?:max|min)\((?:[^;{[(\n]*, )?\.\.\.|\b(?:earliest|latest)Us\((?:[^;{[(\n]*, )?\.\.\.|\.splice\([^;{\n]*, \.\.\.|\w\.apply\(\w+, /,
    homes: /^$/,
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
  {
    // Elsewhere `parseJson`, which keeps every digit. These read texts of the program itself, or nothing but strings.
    name: "JSON.parse",
    pattern: /\bJSON\.parse\b|\bstructuredClone\(/,
    homes:
      /^(lib\/exact-json|mcp\/message-text|model\/secrets\/redact|prefect\/(docs-server|transport\/error-body)|store\/(events\/(blocks|deleted-postings)|retention\/drop-events|runs\/run-columns|search\/names-by-words|sync-state)|config\/value-types|cli\/terminal\/plain-logger)\.ts$|^demo\//,
  },
  {
    name: "a cast to a shown text",
    pattern: /\bas (unknown as )?(Sentence|Line|Cell|Fenced|AnswerText)\b/,
    homes:
      /^(lib\/(shown-text|time)|errors|mcp\/call-result|tools\/(answer\/(fenced|table)|events\/what-changed))\.ts$/,
  },
  {
    name: "errors of the protocol",
    pattern: /\bnew (ProtocolError|ResourceNotFoundError)\(/,
    homes: /^mcp\/protocol\/protocol-errors\.ts$/,
  },
  // What it returns is as own as what it is given, because redaction writes marks only.
  { name: "withReplaced", pattern: /\bwithReplaced\(/, homes: /^(lib\/shown-text\.ts$|prefect\/)/ },
  {
    name: "processes",
    pattern: /\bBun\.spawn(Sync)?\(|node:child_process/,
    homes:
      /^(cli\/(doctor\/round-trip|terminal\/open-in-browser)|views\/build-page)\.ts$|^fleet\/replica\/litestream\.ts$/,
  },
];

/** Of the code that runs in a browser: text of flows must never become markup, and only connections ask for anything. */
const BROWSER_EFFECTS: readonly Effect[] = [
  {
    name: "markup from text",
    pattern:
      /\b(innerHTML|outerHTML|dangerouslySetInnerHTML|insertAdjacentHTML|srcdoc|createContextualFragment)\b|\bdocument\.write\(|\beval\(|\bnew Function\(/,
    homes: /^$/,
  },
  {
    name: "requests",
    pattern: /\bfetch\(|\bXMLHttpRequest\b|\bEventSource\(|\bsendBeacon\(/,
    homes: /^views\/app\/connection\//,
  },
  { name: "storage", pattern: /\b(localStorage|sessionStorage|indexedDB|document\.cookie)\b/, homes: /^$/ },
  { name: "addresses from text", pattern: /\b(href|src|action)=\{/, homes: /^$/ },
];

export function effectViolations({ path, text }: SourceFile): string[] {
  const code = codeOf(text);
  const effects = path.startsWith("views/app/") ? BROWSER_EFFECTS : EFFECTS;
  return effects
    .filter(({ pattern, homes }) => !homes.test(path) && pattern.test(code))
    .map(({ name }) => `${path}: ${name} used outside its home`);
}

/** What makes a verdict depend on how fast the machine is, and the test files that may use it. */
const TIMED: readonly { readonly name: string; readonly pattern: RegExp; readonly homes: RegExp }[] = [
  {
    name: "a wait for a time",
    pattern: /\b(Bun\.sleep|setTimeout|AbortSignal\.timeout|systemClock\.sleep)\((?!0\))/,
    // A process that is killed at random moments.
    homes: /^store\/processes\.test\.ts$/,
  },
  { name: "a limit of its own", pattern: /\bsetDefaultTimeout\(|^\s*\}, [\d_]+\);$/m, homes: /^$/ },
  {
    name: "a measured time",
    pattern: /\bperformance\.now\(/,
    // Compares the times of two sizes.
    homes: /^model\/secrets\/linear-time\.test\.ts$/,
  },
];

/** Of test files: paths below test/. They wait with `waitUntil` and compare growth with `expectLinear` (test/support/time/). */
export function timingViolations({ path, text }: SourceFile): string[] {
  if (!path.endsWith(".test.ts")) return [];
  const code = codeOf(text);
  return TIMED.filter(({ pattern, homes }) => !homes.test(path) && pattern.test(code)).map(
    ({ name }) => `${path}: ${name}`,
  );
}

const BANNED_WORDS = /(^|-)(utils?|helpers?|common|manager|misc)(-|\.)|^base\./;
/** A list of definitions may be called index; one that exports what other files define is a barrel. */
const REEXPORT = /^export\s*(\*|\{[^}]*\})[^;"]*\bfrom\s*"/m;

export function namingViolations({ path, text }: SourceFile): string[] {
  const name = posix.basename(path);
  const found: string[] = [];
  if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.d)?\.tsx?$/.test(name)) found.push(`${path}: not kebab-case`);
  if (BANNED_WORDS.test(name)) found.push(`${path}: a name that says nothing`);
  if (name === "index.ts" && REEXPORT.test(codeOf(text))) found.push(`${path}: a barrel`);
  if (/^export default\b/m.test(codeOf(text)) && !name.endsWith(".d.ts")) found.push(`${path}: default export`);
  for (const { clause, from } of importsOf(text)) {
    const isData = /\.(css|json|md|sql|txt)$/.test(from);
    if (from.startsWith(".") && !isData && !/\.tsx?$/.test(from)) found.push(`${path}: "${from}" lacks .ts`);
    if (!isData && /^\w+\s*(,|$)/.test(clause) && clause !== "type") found.push(`${path}: default import of "${from}"`);
  }
  return found;
}

const EXPORTED = /^export (?:async )?(?:function\*?|const|interface|type|class) (\w+)/gm;

/** Names that two files export: a reader could take one for the other. */
export function sharedNames(files: readonly SourceFile[]): string[] {
  const homes = new Map<string, Set<string>>();
  for (const { path, text } of files) {
    for (const [, name = ""] of codeOf(text).matchAll(EXPORTED)) {
      homes.set(name, (homes.get(name) ?? new Set()).add(path));
    }
  }
  return [...homes]
    .filter(([, paths]) => paths.size > 1)
    .map(([name, paths]) => `${name} is exported by ${[...paths].toSorted().join(" and ")}`);
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
