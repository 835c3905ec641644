import { readEnvironment } from "../config/env.ts";
import { loadSettings, settingsFingerprint } from "../config/load-settings.ts";
import type { ResolvedSettings, SettingProblem } from "../config/settings.ts";
import { AppError } from "../errors.ts";
import type { Clock } from "../lib/clock.ts";

/** Where the application takes its settings from; asked at each call, so that a corrected file is noticed. */
export interface SettingsSource {
  /** The same object as long as nothing has changed. */
  current(): ResolvedSettings;
}

/** Files are looked at again at most this often, and at every call while something is wrong. */
const LOOK_AGAIN_MS = 1000;

/** Flags, environment and files, read again when one of the files has changed. */
export function settingsFromFiles(flags: Readonly<Record<string, string>>, clock: Clock): SettingsSource {
  const input = { ...readEnvironment(), flags };
  let resolved = loadSettings(input);
  let lookedMs = clock.nowMs();
  return {
    current() {
      const nowMs = clock.nowMs();
      const isEarly = Math.abs(nowMs - lookedMs) < LOOK_AGAIN_MS;
      if (isEarly && !fatalProblem(resolved.problems)) return resolved;
      lookedMs = nowMs;
      if (settingsFingerprint(resolved.files) !== resolved.fingerprint) resolved = loadSettings(input);
      return resolved;
    },
  };
}

/** Settings that never change: the demo's, a caller's over HTTP. */
export function fixedSettings(resolved: ResolvedSettings): SettingsSource {
  return { current: () => resolved };
}

/** What keeps Prefect from being asked, as the error of every call; null when nothing does. */
export function fatalProblem(problems: readonly SettingProblem[]): AppError | null {
  const [first, ...others] = problems.filter((problem) => problem.level === "fatal");
  if (!first) return null;
  const more = others.map((problem) => ` Also: ${problem.message}`).join("");
  return new AppError("invalid_config", `${first.message}${more}`, { hint: first.fix });
}
