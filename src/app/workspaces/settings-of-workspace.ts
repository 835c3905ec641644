import type { AppOptions } from "../app.ts";
import type { SettingsSource } from "../settings-source.ts";
import { openDirectory } from "./open-workspaces.ts";

/** The settings with another active workspace. Prefect is asked only for names of Prefect Cloud. Throws AppError for an unknown name. */
export async function settingsOfWorkspace(
  options: AppOptions,
  name: string,
  signal: AbortSignal,
): Promise<SettingsSource> {
  const { active, directory } = openDirectory(options);
  await using _active = active;
  await using _directory = directory;
  const found = await directory.choose(name, signal);
  const { ofProfile } = options.settings;
  return { current: () => found.settings(), ...(ofProfile ? { ofProfile } : {}) };
}
