import { readEnvironment } from "../config/env.ts";
import { loadSettings, loadSettingsOfProfile, settingsFingerprint } from "../config/load-settings.ts";
import type { ResolvedSettings, SettingProblem } from "../config/settings.ts";
import { AppError } from "../errors.ts";
import type { Clock } from "../lib/clock.ts";
import { joined, sentence } from "../lib/shown-text.ts";

/** The current settings. Asked at each call, so that a corrected file takes effect. */
export interface SettingsSource {
  /** The same object while nothing has changed. */
  current(): ResolvedSettings;
  /** The settings with another profile; absent where there are no profiles. */
  ofProfile?(name: string): ResolvedSettings;
}

/** Files are checked for changes at most this often, and at every call while the settings are invalid. */
const CHECK_EVERY_MS = 1000;

/** Settings from flags, environment and files; read again when one of the files has changed. */
export function settingsFromFiles(flags: Readonly<Record<string, string>>, clock: Clock): SettingsSource {
  const input = { ...readEnvironment(), flags };
  let resolved = loadSettings(input);
  let checkedMs = clock.steadyMs();
  return {
    current() {
      const nowMs = clock.steadyMs();
      const isEarly = nowMs - checkedMs < CHECK_EVERY_MS;
      if (isEarly && !fatalProblem(resolved.problems)) return resolved;
      checkedMs = nowMs;
      if (settingsFingerprint(resolved.files) !== resolved.fingerprint) resolved = loadSettings(input);
      return resolved;
    },
    ofProfile: (name) => loadSettingsOfProfile(input, name),
  };
}

/** Settings that never change: the demo's, a caller's over HTTP. */
export function fixedSettings(resolved: ResolvedSettings): SettingsSource {
  return { current: () => resolved };
}

/** The error of every call while the settings are invalid; null while they are valid. */
export function fatalProblem(problems: readonly SettingProblem[]): AppError | null {
  const [first, ...others] = problems.filter((problem) => problem.level === "fatal");
  if (!first) return null;
  const more = others.map((problem) => sentence` Also: ${problem.message}`);
  return new AppError("invalid_config", sentence`${first.message}${joined(more, "")}`, { hint: first.fix });
}
