/** The workspaces that the settings name: the active one, and those of the profiles. */

import type { ResolvedSettings, Settings } from "../../config/settings.ts";
import { isCloudUrl, uiBaseUrl } from "../../config/urls.ts";
import type { ListedWorkspace } from "../../model/workspaces.ts";
import type { CloudWorkspace } from "../../queries/workspace/cloud-workspaces.ts";
import type { SettingsSource } from "../settings-source.ts";

/** A workspace that a call can name. */
export interface KnownWorkspace {
  /** The same while the workspace is named in the same way. Never shown. */
  readonly key: string;
  readonly name: string;
  readonly kind: ListedWorkspace["kind"];
  readonly apiUrl: string;
  readonly handle?: string;
  readonly isActive: boolean;
  /** The settings now: a changed file takes effect. */
  settings(): ResolvedSettings;
}

export const ACTIVE_KEY = "active";

/** Reads the profiles again when a file of the settings has changed. */
export class KnownWorkspaces {
  private readonly source: SettingsSource;
  private of: ResolvedSettings | null = null;
  private profiles = new Map<string, ResolvedSettings>();
  private known: readonly KnownWorkspace[] = [];

  constructor(source: SettingsSource) {
    this.source = source;
  }

  /** The active one first. Profiles of the active workspace itself are not listed a second time. */
  list(): readonly KnownWorkspace[] {
    const active = this.source.current();
    if (active === this.of) return this.known;
    this.of = active;
    this.profiles = new Map();
    this.known = this.make(active);
    return this.known;
  }

  /** The profile of this name, also one that is packaged with Prefect; null where the settings have no such profile or it has no URL. */
  profile(name: string): KnownWorkspace | null {
    const listed = this.list().find((one) => one.kind === "profile" && one.name === name);
    if (listed || !this.source.ofProfile) return listed ?? null;
    const { settings, values } = this.settingsOf(name);
    const isNamed = values.some((value) => value.name === "PREFECT_API_URL" && !value.isDefault);
    return settings.apiUrl === null || !isNamed ? null : this.ofProfile(name, settings.apiUrl);
  }

  private make(active: ResolvedSettings): readonly KnownWorkspace[] {
    const { apiUrl, profile } = active.settings;
    const profiles = active.profiles.flatMap((name) => {
      const url = this.settingsOf(name).settings.apiUrl;
      return url === null ? [] : [this.ofProfile(name, url)];
    });
    if (apiUrl === null) return profiles;
    const same = profiles.filter((one) => isSameAccess(one.settings().settings, active.settings));
    const own = same.find(({ name }) => name === profile) ?? same[0];
    const first: KnownWorkspace = {
      key: ACTIVE_KEY,
      name: own?.name ?? apiUrl,
      kind: own ? "profile" : "settings",
      apiUrl,
      isActive: true,
      settings: () => this.source.current(),
    };
    return [first, ...profiles.filter((one) => one !== own)];
  }

  private ofProfile(name: string, apiUrl: string): KnownWorkspace {
    return {
      key: `profile ${name}`,
      name,
      kind: "profile",
      apiUrl,
      isActive: false,
      settings: () => this.settingsOf(name),
    };
  }

  private settingsOf(name: string): ResolvedSettings {
    this.list();
    const known = this.profiles.get(name);
    if (known) return known;
    const made = this.source.ofProfile?.(name) ?? this.source.current();
    this.profiles.set(name, made);
    return made;
  }
}

/** Whether both ask the same workspace with the same credential. */
export function isSameAccess(one: Settings, other: Settings): boolean {
  return one.apiUrl === other.apiUrl && Bun.deepEquals(one.auth, other.auth);
}

/** A workspace that the key of `owner` sees: everything but the URL is that of the owner. */
export function cloudWorkspaceOf(owner: KnownWorkspace, seen: CloudWorkspace): KnownWorkspace {
  let of: ResolvedSettings | null = null;
  let made: ResolvedSettings | null = null;
  return {
    key: `cloud ${owner.key} ${seen.apiUrl}`,
    name: seen.handle,
    kind: "cloud",
    apiUrl: seen.apiUrl,
    handle: seen.handle,
    isActive: false,
    settings() {
      const current = owner.settings();
      if (made !== null && current === of) return made;
      of = current;
      made = { ...current, settings: inWorkspace(current.settings, seen.apiUrl), profiles: [] };
      return made;
    },
  };
}

/** A key is sent only to the Prefect Cloud that it is configured for. */
function inWorkspace(settings: Settings, apiUrl: string): Settings {
  const { cloudApiUrl, apiUrl: own } = settings;
  const isSameCloud = own !== null && URL.parse(own)?.origin === URL.parse(apiUrl)?.origin;
  return {
    ...settings,
    apiUrl: isSameCloud ? apiUrl : null,
    isCloud: isCloudUrl(apiUrl, cloudApiUrl),
    uiUrl: uiBaseUrl(apiUrl, { uiUrl: null, cloudApiUrl, cloudUiUrl: null }),
  };
}
