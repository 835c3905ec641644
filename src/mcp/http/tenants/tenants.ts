/**
 * The tenants of an HTTP server. A caller's credentials are checked against Prefect before anything recorded is served to it,
 * again after `recheckMs`, and at once when a call asks for fresh answers.
 */

import { LRUCache } from "lru-cache";
import { AppError, toAppError } from "../../../errors.ts";
import type { Clock } from "../../../lib/clock.ts";
import type { Logger } from "../../../lib/logger.ts";
import { sentence } from "../../../lib/shown-text.ts";
import { addMs } from "../../../lib/time.ts";
import { withLimits } from "../../../queries/source/context.ts";
import { proveAccess } from "../../../queries/source/prove-access.ts";
import type { HostedApp } from "../../app-host.ts";
import { tenantClosed } from "../../guard.ts";
import type { RequestNeeds } from "../requests/inspect-message.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { CallerWorkspaces } from "./caller-workspaces.ts";
import { CredentialProofs, type ProofState } from "./credential-proofs.ts";
import { checkTarget, type LookupHost, type TargetRules } from "./target-rules.ts";
import type { TenantTarget } from "./tenant-headers.ts";
import { TenantHost, type TenantHostOptions } from "./tenant-host.ts";

export interface TenantsOptions {
  /** Opens the server's own Prefect, the one in this process's settings. */
  openOwn(): HostedApp;
  /** Opens another Prefect, or the same one with a caller's credentials. `label` names it in the log. */
  openTenant(target: TenantTarget, label: string): HostedApp;
  /** Deletes the oldest records that are not open while all together exceed the limit. Called by each sweep. */
  trimDisk(): void;
  readonly host: Omit<TenantHostOptions, "label" | "callerId" | "open" | "hidesSettings">;
  readonly rules: TargetRules;
  readonly lookup: LookupHost;
  readonly recheckMs: number;
  readonly proofMs: number;
  readonly idleMs: number;
  readonly maxTenants: number;
  /** Whether the server's own Prefect is followed for as long as the server runs; otherwise only while callers use it. */
  followOwn(): boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Key and label of the tenant with this process's own settings. */
const OWN_KEY = "own";
const LABEL_LENGTH = 12;
/** The share of `maxTenants` that one caller may hold before its own tenants are closed first. */
const CALLER_SHARE = 0.25;
/** For how long refused credentials are refused again without asking Prefect. */
const REFUSED_FOR_MS = 1_000;
/** For how long credentials are not checked again after Prefect could not be reached. */
const UNREACHABLE_FOR_MS = 5_000;
const CHECK_WITHIN_MS = 5_000;
const CLOSE_CHECK_MS = 20;
/** Results of checks that are held in memory, per tenant that may be open. */
const RESULTS_PER_TENANT = 10;

export class Tenants {
  /** Least recently used first. */
  private readonly hosts = new Map<string, TenantHost>();
  private readonly targets = new Map<string, TenantTarget | null>();
  private readonly checks = new Map<string, Promise<void>>();
  /** Why the last check of credentials failed; an entry ends when the credentials may be checked again. */
  private readonly failures: LRUCache<string, AppError>;
  private readonly proofs: CredentialProofs;
  /** Prefect's last refusal of the server's own credentials. It holds until Prefect accepts them, also while Prefect is unreachable. */
  private ownRefusal: AppError | null = null;
  private readonly options: TenantsOptions;
  private isClosed = false;

  constructor(options: TenantsOptions) {
    this.options = options;
    const { recheckMs, proofMs, maxTenants, clock } = options;
    const max = RESULTS_PER_TENANT * maxTenants;
    this.failures = new LRUCache({ max, ttl: REFUSED_FOR_MS, ttlResolution: 0, perf: { now: () => clock.steadyMs() } });
    const offlineMs = Math.max(recheckMs, proofMs);
    this.proofs = new CredentialProofs({ recheckMs, offlineMs, maxProofs: max }, clock);
  }

  get open(): number {
    return this.hosts.values().reduce((sum, host) => sum + (host.isOpen ? 1 : 0), 0);
  }

  /** Calls being answered. */
  get running(): number {
    return this.hosts.values().reduce((sum, host) => sum + host.running, 0);
  }

  get streams(): number {
    return this.hosts.values().reduce((sum, host) => sum + host.streams, 0);
  }

  get sessions(): number {
    return this.hosts.values().reduce((sum, host) => sum + host.sessions.size, 0);
  }

  /** Name of the tenant in logs and metrics. */
  labelOf(target: TenantTarget | null): string {
    return target === null ? OWN_KEY : this.proofs.keyOf(target).slice(0, LABEL_LENGTH);
  }

  /**
   * The host of a tenant whose credentials Prefect accepts. Throws AppError `unauthorized` (target or credentials refused) or
   * `unavailable` (Prefect is unreachable and has not accepted these credentials before).
   */
  async admit(target: TenantTarget | null, needs: RequestNeeds, callerId: string): Promise<TenantHost> {
    const { clock } = this.options;
    const key = target === null ? OWN_KEY : this.proofs.keyOf(target);
    const host = await this.hostOf(key, target, callerId);
    host.usedMs = clock.steadyMs();
    // The own server's list of tools is no secret and must be served without Prefect. A caller's tenant is proven in any case.
    if (target === null && !needs.readsWorkspace) return host;
    await this.prove(key, target, host, needs.wantsFresh);
    if (this.hosts.get(key) !== host) throw tenantClosed();
    this.makeRoom(host);
    host.follow();
    return host;
  }

  /** Begins to follow the server's own Prefect; also after that had refused the server's credentials. */
  async followOwn(): Promise<void> {
    if (!this.options.followOwn() || this.isClosed || this.hosts.has(OWN_KEY)) return;
    const host = await this.hostOf(OWN_KEY, null, OWN_KEY);
    host.follow();
  }

  /** Called periodically: closes idle tenants, and ends open streams and long calls of tenants that Prefect refuses by now. */
  async sweep(): Promise<void> {
    const { clock, idleMs } = this.options;
    for (const [key, host] of this.hosts) {
      const nowMs = clock.steadyMs();
      host.sessions.dropIdle(nowMs);
      if (host.streams > 0 || host.running > 0) {
        // Not awaited: a Prefect that does not answer must not delay the checks of other tenants.
        this.prove(key, this.targets.get(key) ?? null, host, false).catch(() => undefined);
      } else if (!(key === OWN_KEY && this.options.followOwn()) && nowMs - host.usedMs >= idleMs && host.isOpen) {
        this.options.logger.info("idle tenant closed", { tenant: host.label });
        await host.suspend();
      }
    }
    this.options.trimDisk();
    await this.followOwn();
  }

  /** Closes one tenant, after its running calls, which it waits for `withinMs`. The next call opens it again. */
  async closeTenant(target: TenantTarget | null, withinMs: number): Promise<void> {
    const key = target === null ? OWN_KEY : this.proofs.keyOf(target);
    const host = this.hosts.get(key);
    if (!host) return;
    this.hosts.delete(key);
    this.targets.delete(key);
    const { clock } = this.options;
    const untilMs = addMs(clock.steadyMs(), withinMs);
    while (host.running > 0 && clock.steadyMs() < untilMs) await clock.sleep(CLOSE_CHECK_MS);
    await this.remove(key, host);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    const hosts = [...this.hosts.values()];
    this.hosts.clear();
    await Promise.all(hosts.map((host) => host.close()));
  }

  private async hostOf(key: string, target: TenantTarget | null, callerId: string): Promise<TenantHost> {
    if (this.isClosed) throw tenantClosed();
    if (target !== null) await this.checkTargetOf(key, target);
    const known = this.hosts.get(key);
    if (known) {
      this.hosts.delete(key);
      this.hosts.set(key, known);
      return known;
    }
    const label = this.labelOf(target);
    const open = () => (target === null ? this.options.openOwn() : this.options.openTenant(target, label));
    const workspaces = target === null ? {} : { workspaces: this.workspacesOf(target, callerId, () => host) };
    const hidesSettings = target === null;
    const host: TenantHost = new TenantHost({
      ...this.options.host,
      label,
      callerId,
      open,
      hidesSettings,
      ...workspaces,
    });
    this.hosts.set(key, host);
    this.targets.set(key, target);
    return host;
  }

  /** A caller's other workspaces are tenants too: its key is checked with each before anything of it is served. */
  private workspacesOf(target: TenantTarget, callerId: string, host: () => TenantHost): CallerWorkspaces {
    const { clock, openTenant } = this.options;
    return new CallerWorkspaces({
      target,
      clock,
      host,
      admit: (other) => this.admit(other, { readsWorkspace: true, wantsFresh: false }, callerId),
      known: (other) => this.hosts.get(this.proofs.keyOf(other)) ?? null,
      open: (other) => openTenant(other, this.labelOf(other)),
    });
  }

  /**
   * The target's host name is resolved again whenever the credentials are checked, because it may point elsewhere by now. A resolver
   * that does not answer counts as an unreachable Prefect: a tenant that was proven before is served from the record.
   */
  private async checkTargetOf(key: string, target: TenantTarget): Promise<void> {
    const { rules, lookup } = this.options;
    const state = this.proofs.state(key);
    if (state === "fresh") return;
    try {
      await checkTarget(target.url, rules, lookup);
    } catch (error) {
      const known = toAppError(error);
      if (state === "none" || !known.retryable) throw known;
      this.rememberFailure(key, known);
    }
  }

  /**
   * Over the limit the least recently used tenants are closed: first those of the same caller when it has more than its share, so that
   * one caller with many keys cannot displace all others; then tenants without calls and streams; then any.
   */
  private makeRoom(kept: TenantHost): void {
    const { maxTenants } = this.options;
    const over = this.hosts.size - maxTenants;
    if (over <= 0) return;
    const others = [...this.hosts].filter(([key, host]) => host !== kept && key !== OWN_KEY);
    const own = others.filter(([, host]) => host.callerId === kept.callerId);
    const isOverShare = own.length >= Math.ceil(maxTenants * CALLER_SHARE);
    const idle = others.filter(([, host]) => host.streams === 0 && host.running === 0 && host.tasks.size === 0);
    const order = new Set([...(isOverShare ? own : []), ...idle, ...others]);
    for (const [key, host] of [...order].slice(0, over)) void this.remove(key, host);
  }

  private async remove(key: string, host: TenantHost): Promise<void> {
    if (this.hosts.get(key) === host) {
      this.hosts.delete(key);
      this.targets.delete(key);
    }
    await host.close();
    // After the end of its streams, which are counted when they end.
    await this.options.metrics.forgetTenant(host.label);
  }

  /** Throws unless the credentials are proven. An unproven tenant is removed, so that strangers cannot displace proven ones. */
  private async prove(key: string, target: TenantTarget | null, host: TenantHost, wantsFresh: boolean): Promise<void> {
    const state = this.proofs.state(key);
    if (state === "fresh" && !wantsFresh) return;
    const failure = this.failures.get(key);
    if (failure && !(wantsFresh && failure.retryable)) {
      try {
        this.throwUnlessServed(failure, target, state);
      } catch (error) {
        if (target !== null && state === "none" && !this.checks.has(key)) await this.remove(key, host);
        throw error;
      }
      return;
    }
    const running = this.checks.get(key) ?? this.check(key, host).finally(() => this.checks.delete(key));
    this.checks.set(key, running);
    try {
      await running;
    } catch (error) {
      await this.handleFailedCheck(key, host, toAppError(error), target, state);
    }
  }

  private rememberFailure(key: string, error: AppError): void {
    this.failures.set(key, error, { ttl: error.retryable ? UNREACHABLE_FOR_MS : REFUSED_FOR_MS });
  }

  private async check(key: string, host: TenantHost): Promise<void> {
    const { metrics } = this.options;
    const asked = this.proofs.now();
    metrics.count("credential_checks_total", { tenant: host.label });
    await proveAccess(withLimits(host.query(), { liveUntilMs: addMs(asked.steadyMs, CHECK_WITHIN_MS) }));
    this.proofs.accept(key, asked);
    this.failures.delete(key);
    if (key === OWN_KEY) this.ownRefusal = null;
  }

  private async handleFailedCheck(
    key: string,
    host: TenantHost,
    error: AppError,
    target: TenantTarget | null,
    state: ProofState,
  ): Promise<void> {
    const { logger, metrics } = this.options;
    this.rememberFailure(key, error);
    metrics.count("credential_failures_total", { code: error.code });
    const isRefused = isRefusal(error, target);
    if (isRefused) {
      this.proofs.refuse(key);
      if (key === OWN_KEY) this.ownRefusal = error;
      logger.info("Prefect refused a caller", { tenant: host.label, code: error.code });
    }
    if (isRefused || (target !== null && state === "none")) await this.remove(key, host);
    this.throwUnlessServed(error, target, state);
  }

  /**
   * While Prefect is unreachable, tenants that were proven before are served from the record. Callers of the server's own Prefect are
   * served too: they have authenticated to this server.
   */
  private throwUnlessServed(error: AppError, target: TenantTarget | null, state: ProofState): void {
    if (isRefusal(error, target)) throw refusedByPrefect(error);
    if (target === null && this.ownRefusal) throw refusedByPrefect(this.ownRefusal);
    if (target === null || (error.retryable && state !== "none")) return;
    if (!error.retryable) throw error;
    throw new AppError(
      error.code,
      sentence`Prefect cannot be asked whether it accepts these credentials: ${error.sentence}`,
      {
        hint: "Nothing recorded is served to a caller whose credentials Prefect has not accepted lately. Try again when Prefect is reachable.",
        ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
      },
    );
  }
}

/**
 * Whether Prefect refused the credentials, or has no such workspace for them. A wrong URL in the server's own settings is no refusal:
 * the tools report it.
 */
function isRefusal({ code }: AppError, target: TenantTarget | null): boolean {
  return code === "unauthorized" || (target !== null && code === "not_found");
}

function refusedByPrefect(error: AppError): AppError {
  return new AppError("unauthorized", sentence`Prefect refuses these credentials: ${error.sentence}`, {
    hint: "Check X-Prefect-Api-Key or X-Prefect-Api-Auth-String and the URL they are for (without these headers: the server's own settings).",
    ...(error.status === undefined ? {} : { status: error.status }),
  });
}
