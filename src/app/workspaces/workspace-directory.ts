/** The workspaces that one process answers for beside its active one. Each has an application and a record of its own. */

import { AppError, toAppError } from "../../errors.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/logger.ts";
import { asName, sentence } from "../../lib/shown-text.ts";
import { NEVER_MS } from "../../lib/time.ts";
import { AppHost, type HostedApp } from "../../mcp/app-host.ts";
import type { NamedTenant, Tenant, Workspaces } from "../../mcp/tenant.ts";
import type { ListedWorkspace, WorkspaceListing } from "../../model/workspaces.ts";
import { getRecordedRange } from "../../queries/workspace/record-status.ts";
import { chooseWorkspace, isCloudName, unknownWorkspace } from "../../tools/definition/choose-workspace.ts";
import { firstRecordFileOf } from "../connection.ts";
import { createRecordReader } from "../record.ts";
import type { SettingsSource } from "../settings-source.ts";
import { CloudLists } from "./cloud-lists.ts";
import { ACTIVE_KEY, type KnownWorkspace, KnownWorkspaces } from "./known-workspaces.ts";

export interface DirectoryOptions {
  readonly settings: SettingsSource;
  /** The application of the active workspace. */
  readonly active: HostedApp;
  /** Opens the application of another workspace. `name` marks the lines of its log. */
  open(settings: SettingsSource, name: string): HostedApp;
  /** Only the active workspace and those of `PREFECT_MCP_FOLLOW` can be named: callers are not the user of the profiles. */
  readonly isRestricted: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Workspaces that a call to all asks. */
const MAX_ASKED = 8;
const SWEEP_MS = 5_000;
/** After this time a workspace that could not be followed is tried again. */
const FOLLOW_AGAIN_MS = 60_000;

export class WorkspaceDirectory implements Workspaces, AsyncDisposable {
  private readonly options: DirectoryOptions;
  private readonly known: KnownWorkspaces;
  private readonly cloud: CloudLists;
  private readonly hosts = new Map<string, AppHost>();
  /** Workspaces that are followed for as long as the process runs: key by name. */
  private readonly pinned = new Map<string, string>();
  private readonly followAgainMs = new Map<string, number>();
  private readonly ending = new AbortController();
  private isFollowing = false;
  private isSweeping = false;

  constructor(options: DirectoryOptions) {
    this.options = options;
    this.known = new KnownWorkspaces(options.settings);
    this.cloud = new CloudLists(options.clock, (owner) =>
      owner.key === ACTIVE_KEY ? options.active.query() : this.hostOf(owner).query(),
    );
  }

  activeName(): string | null {
    const known = this.known.list();
    const [active] = known;
    if (!active?.isActive) return null;
    const { isCloud, follow } = active.settings().settings;
    const isAlone = this.options.isRestricted ? follow.length === 0 : known.length === 1 && !isCloud;
    return isAlone ? null : active.name;
  }

  async find(name: string, signal: AbortSignal): Promise<NamedTenant> {
    const found = await this.choose(name, signal);
    if (found.isActive) return { name: found.name, tenant: this.options.active, release: () => undefined };
    const host = this.hostOf(found);
    host.usedMs = this.options.clock.steadyMs();
    host.running += 1;
    const tenant = host.tenantWith(() => () => undefined);
    return {
      name: found.name,
      tenant,
      release: () => {
        host.running -= 1;
        host.usedMs = this.options.clock.steadyMs();
      },
    };
  }

  async names(signal: AbortSignal): Promise<{ asked: readonly string[]; left: readonly string[] }> {
    const { all } = await this.all(signal, false);
    const names = all.map((one) => one.name);
    return { asked: names.slice(0, MAX_ASKED), left: names.slice(MAX_ASKED) };
  }

  knownNames(): readonly string[] {
    return this.nameable(this.recent()).map(({ name }) => name);
  }

  async list(signal: AbortSignal): Promise<WorkspaceListing> {
    const { all, notes } = await this.all(signal, true);
    return { workspaces: all.map((one) => this.listed(one)), notes };
  }

  watch(name: string, uri: string, notify: () => void): () => void {
    const found = this.chooseKnown(name);
    if (found === null) {
      throw new AppError("not_found", sentence`There is no workspace ${asName(name)} whose resources can be watched.`, {
        hint: "list_workspaces lists the names.",
      });
    }
    if (!found.isActive) return this.hostOf(found).watch(uri, notify);
    return this.options.active.watch?.add(uri, notify) ?? (() => undefined);
  }

  /** Begins to follow the workspaces of `PREFECT_MCP_FOLLOW`. */
  follow(): void {
    this.isFollowing = true;
    this.startSweeping();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.ending.abort();
    await Promise.all([...this.hosts.values()].map((host) => host.close()));
  }

  /** The workspace of this name. Throws AppError that names the nearest ones. */
  async choose(name: string, signal: AbortSignal): Promise<KnownWorkspace> {
    const known = this.chooseKnown(name);
    if (known) return known;
    if (this.options.isRestricted && !this.isNamedInSettings(name)) {
      throw unknownWorkspace(name, (await this.all(signal, false)).all, []);
    }
    const { all, failed } = await this.all(signal, true);
    const found = chooseWorkspace(name, all);
    if (found) return found;
    if (failed && isCloudName(name)) {
      throw new AppError(
        failed.code,
        sentence`Prefect Cloud could not be asked for the workspace ${asName(name)}: ${failed.sentence}`,
        failed.ownHint === undefined ? {} : { hint: failed.ownHint },
      );
    }
    const keys = this.owners().map((owner) => owner.name);
    throw unknownWorkspace(name, all, keys);
  }

  /** Without asking Prefect. */
  private chooseKnown(name: string): KnownWorkspace | null {
    const found = chooseWorkspace(name, this.nameable(this.recent())) ?? this.known.profile(name);
    return found !== null && this.isAllowed(found) ? found : null;
  }

  /** What the keys were seen to see. */
  private recent(): readonly KnownWorkspace[] {
    return this.owners().flatMap((owner) => this.cloud.recent(owner).workspaces);
  }

  private isAllowed(one: KnownWorkspace): boolean {
    if (!this.options.isRestricted || one.isActive) return true;
    const { follow } = this.options.settings.current().settings;
    return follow.some((name) => chooseWorkspace(name, [one]) !== null);
  }

  private isNamedInSettings(name: string): boolean {
    return this.options.settings.current().settings.follow.includes(name);
  }

  private owners(): readonly KnownWorkspace[] {
    return this.cloud.ownersAmong(this.known.list());
  }

  /** Those of the settings, with their handles, then the others that keys see. Each workspace once: it must not be opened twice. */
  private nameable(seen: readonly KnownWorkspace[]): readonly KnownWorkspace[] {
    const handles = new Map(seen.map((one) => [one.apiUrl, one.name]));
    const known = this.known.list().map((one) => {
      const handle = handles.get(one.apiUrl);
      return handle === undefined ? one : { ...one, handle };
    });
    const urls = new Set(known.map((one) => one.apiUrl));
    const others = seen.filter(({ apiUrl }) => !urls.has(apiUrl) && urls.add(apiUrl));
    return [...known, ...others].filter((one) => this.isAllowed(one));
  }

  /** `failed`: why a list of Prefect Cloud could not be read. */
  private async all(signal: AbortSignal, again: boolean) {
    const owners = this.owners();
    const lists = await Promise.all(owners.map((owner) => this.cloud.read(owner, signal, again)));
    const notes = lists.flatMap(({ error }, index) =>
      error === null
        ? []
        : [sentence`What the key of ${asName(owners[index]?.name ?? "")} sees is not known: ${error.sentence}`],
    );
    const failed = lists.find(({ error }) => error !== null)?.error ?? null;
    return { all: this.nameable(lists.flatMap(({ workspaces }) => workspaces)), notes, failed };
  }

  private listed(one: KnownWorkspace): ListedWorkspace {
    const { clock, logger } = this.options;
    const { apiUrl, name, kind, handle, isActive } = one;
    const reader = createRecordReader(firstRecordFileOf(one.settings().settings, apiUrl), clock, logger);
    try {
      return {
        name,
        kind,
        api_url: apiUrl,
        ...(handle === undefined ? {} : { handle }),
        is_active: isActive,
        ...getRecordedRange(reader.current(), clock),
      };
    } finally {
      reader.close();
    }
  }

  private hostOf(one: KnownWorkspace): AppHost {
    if (this.ending.signal.aborted) throw toAppError(new Error("the process is ending"));
    const open = this.hosts.get(one.key);
    if (open) return open;
    const host = new AppHost({
      ...this.hosting(),
      open: () => this.options.open({ current: () => one.settings() }, one.name),
    });
    this.hosts.set(one.key, host);
    this.startSweeping();
    return host;
  }

  /** What callers on other machines may not see, as with the active workspace. */
  private hosting(): Pick<Tenant, "hiddenPath" | "hidesSettings"> {
    if (!this.options.isRestricted) return {};
    return { hiddenPath: this.options.settings.current().settings.dataDir, hidesSettings: true };
  }

  private startSweeping(): void {
    if (this.isSweeping) return;
    this.isSweeping = true;
    void this.keepSweeping();
  }

  private async keepSweeping(): Promise<void> {
    const { clock, logger } = this.options;
    const { signal } = this.ending;
    while (!signal.aborted) {
      await this.followNamed().catch((error: unknown) => {
        logger.warn("the workspaces of PREFECT_MCP_FOLLOW are not followed", { error: toAppError(error).message });
      });
      await this.closeIdle();
      await clock.sleep(SWEEP_MS, signal);
    }
  }

  private async closeIdle(): Promise<void> {
    const { idleMs } = this.options.settings.current().settings.http;
    const nowMs = this.options.clock.steadyMs();
    const pinned = new Set(this.pinned.values());
    for (const [key, host] of this.hosts) {
      if (!host.isOpen || host.running > 0 || host.watched > 0 || pinned.has(key)) continue;
      if (host.usedMs === NEVER_MS) host.usedMs = this.options.clock.steadyMs();
      if (nowMs - host.usedMs >= idleMs) await host.suspend();
    }
  }

  private async followNamed(): Promise<void> {
    if (!this.isFollowing) return;
    const { clock, logger, settings } = this.options;
    const { follow } = settings.current().settings;
    for (const name of this.pinned.keys()) if (!follow.includes(name)) this.pinned.delete(name);
    for (const name of follow) {
      const nowMs = clock.steadyMs();
      if (nowMs < (this.followAgainMs.get(name) ?? NEVER_MS)) continue;
      try {
        const one = await this.choose(name, this.ending.signal);
        this.followAgainMs.delete(name);
        if (one.isActive) continue;
        this.hostOf(one).follow();
        this.pinned.set(name, one.key);
      } catch (error) {
        if (this.ending.signal.aborted) return;
        const { message, hint = null } = toAppError(error);
        logger.warn("a workspace of PREFECT_MCP_FOLLOW is not followed", { workspace: name, error: message, hint });
        this.followAgainMs.set(name, nowMs + FOLLOW_AGAIN_MS);
      }
    }
  }
}
