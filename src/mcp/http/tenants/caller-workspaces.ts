/**
 * The workspaces that a caller over HTTP can name: the one of its headers, and on Prefect Cloud those that its key sees. A URL counts
 * only where Prefect Cloud has listed it for the key, and nothing is asked with other credentials than the caller's own.
 */

import { normaliseApiUrl } from "../../../config/urls.ts";
import { type AppError, toAppError } from "../../../errors.ts";
import type { Clock } from "../../../lib/clock.ts";
import { sentence } from "../../../lib/shown-text.ts";
import { NEVER_MS } from "../../../lib/time.ts";
import type { ListedWorkspace, WorkspaceListing } from "../../../model/workspaces.ts";
import { cloudIds } from "../../../prefect/cloud.ts";
import { readCloudWorkspaces } from "../../../queries/workspace/cloud-workspaces.ts";
import { getRecordedRange } from "../../../queries/workspace/record-status.ts";
import { chooseWorkspace, unknownWorkspace } from "../../../tools/definition/choose-workspace.ts";
import type { HostedApp } from "../../app-host.ts";
import type { NamedTenant, Workspaces } from "../../tenant.ts";
import type { TenantTarget } from "./tenant-headers.ts";
import type { TenantHost } from "./tenant-host.ts";

export interface CallerWorkspacesOptions {
  readonly target: TenantTarget;
  readonly clock: Clock;
  /** The host of the workspace that the headers name. */
  host(): TenantHost;
  /** The host of another workspace, after Prefect has accepted the credentials there. Throws AppError. */
  admit(target: TenantTarget): Promise<TenantHost>;
  /** The host, where it was admitted before. */
  known(target: TenantTarget): TenantHost | null;
  /** An application to look at the record with. */
  open(target: TenantTarget): HostedApp;
}

interface CallerWorkspace {
  readonly name: string;
  readonly apiUrl: string;
  readonly handle?: string;
  readonly isActive: boolean;
}

const FRESH_MS = 300_000;
const RETRY_MS = 5_000;
const MAX_ASKED = 8;

export class CallerWorkspaces implements Workspaces {
  private readonly options: CallerWorkspacesOptions;
  /** The API URL of the headers. Known also while the application is closed. */
  private readonly instance: string;
  private seen: readonly { readonly handle: string; readonly apiUrl: string }[] = [];
  private error: AppError | null = null;
  private readMs = NEVER_MS;
  private reading: Promise<void> | null = null;

  constructor(options: CallerWorkspacesOptions) {
    this.options = options;
    this.instance = normaliseApiUrl(options.target.url) ?? options.target.url;
  }

  activeName(): string | null {
    return this.mayHaveOthers() ? (this.all()[0]?.name ?? null) : null;
  }

  async find(name: string, signal: AbortSignal): Promise<NamedTenant> {
    const found = await this.choose(name, signal);
    const host = found.isActive ? this.options.host() : await this.options.admit(this.targetOf(found));
    host.running += 1;
    return {
      name: found.name,
      tenant: host.tenant,
      release: () => {
        host.running -= 1;
        host.usedMs = this.options.clock.steadyMs();
      },
    };
  }

  async names(signal: AbortSignal): Promise<{ asked: readonly string[]; left: readonly string[] }> {
    await this.read(signal, false);
    const names = this.all().map(({ name }) => name);
    return { asked: names.slice(0, MAX_ASKED), left: names.slice(MAX_ASKED) };
  }

  async list(signal: AbortSignal): Promise<WorkspaceListing> {
    await this.read(signal, true);
    const notes = this.error === null ? [] : [sentence`What your key sees is not known: ${this.error.sentence}`];
    return { workspaces: await Promise.all(this.all().map((one) => this.listed(one))), notes };
  }

  knownNames(): readonly string[] {
    return this.all().map(({ name }) => name);
  }

  watch(name: string, uri: string, notify: () => void): () => void {
    const found = chooseWorkspace(name, this.all());
    const host = found && (found.isActive ? this.options.host() : this.options.known(this.targetOf(found)));
    if (!host) throw unknownWorkspace(name, this.all(), []);
    return host.watch(uri, notify);
  }

  private async choose(name: string, signal: AbortSignal): Promise<CallerWorkspace> {
    const known = chooseWorkspace(name, this.all());
    if (known) return known;
    await this.read(signal, true);
    const found = chooseWorkspace(name, this.all());
    if (found) return found;
    if (this.error) throw this.error;
    throw unknownWorkspace(name, this.all(), this.mayHaveOthers() ? ["your headers"] : []);
  }

  private mayHaveOthers(): boolean {
    return this.options.target.credential.kind === "key" && cloudIds(this.instance) !== null;
  }

  private all(): readonly CallerWorkspace[] {
    const { instance } = this;
    const own = this.seen.find(({ apiUrl }) => apiUrl === instance);
    const others = this.seen.filter(({ apiUrl }) => apiUrl !== instance);
    return [
      { name: own?.handle ?? instance, apiUrl: instance, isActive: true, ...(own ? { handle: own.handle } : {}) },
      ...others.map(({ handle, apiUrl }) => ({ name: handle, handle, apiUrl, isActive: false })),
    ];
  }

  private targetOf({ apiUrl }: CallerWorkspace): TenantTarget {
    return { url: apiUrl, credential: this.options.target.credential };
  }

  /** Errors are kept in `error`. */
  private async read(signal: AbortSignal, again: boolean): Promise<void> {
    if (!this.mayHaveOthers()) return;
    const ageMs = this.options.clock.steadyMs() - this.readMs;
    if (ageMs < (again || this.error ? RETRY_MS : FRESH_MS)) return;
    this.reading ??= this.fill().finally(() => {
      this.reading = null;
    });
    await Promise.race([
      this.reading,
      new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true })),
    ]);
  }

  private async fill(): Promise<void> {
    try {
      this.seen = await readCloudWorkspaces(this.options.host().query(), new AbortController().signal);
      this.error = null;
    } catch (error) {
      this.error = toAppError(error);
    }
    this.readMs = this.options.clock.steadyMs();
  }

  private async listed({ name, apiUrl, handle, isActive }: CallerWorkspace): Promise<ListedWorkspace> {
    const { clock, host, open } = this.options;
    const kind = handle === undefined ? "headers" : "cloud";
    const described = { name, kind, api_url: apiUrl, ...(handle ? { handle } : {}), is_active: isActive } as const;
    if (isActive) return { ...described, ...getRecordedRange(host().query().record(), clock) };
    await using app = open(this.targetOf({ name, apiUrl, isActive }));
    return { ...described, ...getRecordedRange(app.query().record(), clock) };
  }
}
