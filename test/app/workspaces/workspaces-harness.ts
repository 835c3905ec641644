/** The application of several fake Prefects that a profiles file names, as a client of stdio sees it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { App } from "../../../src/app/app.ts";
import type { SettingsSource } from "../../../src/app/settings-source.ts";
import { openWorkspaces } from "../../../src/app/workspaces/open-workspaces.ts";
import { loadSettings, loadSettingsOfProfile, settingsFingerprint } from "../../../src/config/load-settings.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { createLogger } from "../../../src/lib/logger.ts";
import { callTool } from "../../../src/mcp/guard.ts";
import { allTools, toolNamed } from "../../../src/tools/index.ts";

const MAIN = join(import.meta.dir, "../../../src/main.ts");

export interface Workspaces extends AsyncDisposable {
  readonly app: App;
  readonly dataDir: string;
  readonly log: string[];
  /** Replaces the profiles file. */
  setProfiles(profiles: Profiles): void;
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into answers of every shape.
  call(tool: string, args?: object): Promise<{ isError: boolean; structured: any; text: string }>;
}

export interface Profiles {
  readonly active: string;
  readonly profiles: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export interface WorkspacesOptions extends Profiles {
  readonly env?: Readonly<Record<string, string>>;
  readonly isRestricted?: boolean;
}

export function profilesToml({ active, profiles }: Profiles): string {
  const tables = Object.entries(profiles).map(([name, settings]) =>
    [`[profiles.${name}]`, ...Object.entries(settings).map(([key, value]) => `${key} = ${JSON.stringify(value)}`)].join(
      "\n",
    ),
  );
  return [`active = "${active}"`, ...tables].join("\n\n");
}

export function openTestWorkspaces(options: WorkspacesOptions): Workspaces {
  const home = mkdtempSync(join(tmpdir(), "prefect-mcp-workspaces-"));
  const dataDir = join(home, "data");
  mkdirSync(join(home, ".prefect"));
  const file = join(home, ".prefect", "profiles.toml");
  const setProfiles = (profiles: Profiles) => writeFileSync(file, profilesToml(profiles));
  setProfiles(options);
  const env = { PREFECT_MCP_SYNC: "false", PREFECT_MCP_DATA_DIR: dataDir, ...options.env };
  const input = { flags: {}, env, cwd: home, home, platform: "linux" };
  let resolved = loadSettings(input);
  const settings: SettingsSource = {
    current() {
      if (settingsFingerprint(resolved.files) !== resolved.fingerprint) resolved = loadSettings(input);
      return resolved;
    },
    ofProfile: (name) => loadSettingsOfProfile(input, name),
  };
  const log: string[] = [];
  const logger = createLogger("info", (line) => void log.push(line));
  const { isRestricted = false } = options;
  const app = openWorkspaces({ settings, entry: MAIN, version: "1", clock: systemClock, logger, isRestricted });
  return {
    app,
    dataDir,
    log,
    setProfiles,
    async call(name, args = {}) {
      const tool = toolNamed(allTools, name);
      if (!tool) throw new Error(`no tool ${name}`);
      const call = { signal: new AbortController().signal, progress: () => undefined };
      const { isError = false, structuredContent: structured, content } = await callTool(app, tool, args, call);
      return { isError, structured, text: content.map((block) => block.text).join("\n") };
    },
    async [Symbol.asyncDispose]() {
      await app[Symbol.asyncDispose]();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
