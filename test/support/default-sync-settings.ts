import { loadSettings } from "../../src/config/load-settings.ts";
import type { SyncSettings } from "../../src/model/sync-settings.ts";

/** What the sync engine gets where nothing is configured. */
export const DEFAULT_SYNC_SETTINGS: SyncSettings = loadSettings({
  flags: {},
  env: {},
  cwd: "/nonexistent",
  home: "/nonexistent",
  platform: "linux",
}).settings.sync;
