import { type SettingsSource, settingsFromFiles } from "../../app/settings-source.ts";
import { VERSION } from "../../app/version.ts";
import { systemClock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/logger.ts";
import type { Invocation } from "./parse.ts";

interface Chosen {
  readonly invocation: Invocation;
  readonly entry: string;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** The settings of this command: those of the workspace that `--workspace` names, else of the active one. Throws AppError. */
export async function chosenSettings({ invocation, entry, logger, signal }: Chosen): Promise<SettingsSource> {
  const settings = settingsFromFiles(invocation.settings, systemClock);
  const name = invocation.values.workspace;
  if (name === undefined) return settings;
  const { settingsOfWorkspace } = await import("../../app/workspaces/settings-of-workspace.ts");
  return settingsOfWorkspace({ settings, entry, version: VERSION, clock: systemClock, logger }, name, signal);
}
