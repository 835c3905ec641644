/**
 * One node of a fleet as it runs: renews its session, claims tenants, and says where a request belongs. What it may conclude is decided
 * in lease/lease-holder.ts.
 */
import { toAppError } from "../errors.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/logger.ts";
import { NEVER_MS, type SteadyMs } from "../lib/time.ts";
import type { FleetStore, NodeReport, TenantName } from "./fleet-store.ts";
import { isDoneWithin } from "./is-done-within.ts";
import { KnownOwners } from "./known-owners.ts";
import { LeaseHolder, type Sighting } from "./lease/lease-holder.ts";
import type { NodeSession } from "./lease/lease-rules.ts";
import { LEASE_TIMING, type LeaseTiming } from "./lease/timing.ts";
import type { PlaceOptions, TenantPlacement } from "./placement.ts";
import { PeerProbes } from "./routing/peer-probes.ts";
import { preferredNode } from "./routing/preferred-node.ts";
import { StoreCalls } from "./store-calls.ts";
import { TenantMoves } from "./tenant-moves.ts";

export interface FleetOptions {
  readonly name: string;
  readonly version: string;
  readonly store: FleetStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly timing?: LeaseTiming;
  report(): NodeReport;
}

/** What a writer needs to know of its lease. */
export interface HeldLease {
  readonly fence: number;
  /** Of the session that holds it. */
  readonly incarnation: string;
  /** For how long it is certainly held, milliseconds. */
  leftMs(): number;
}

const TICK_MS = 250;
/** Longest wait of a request for a tenant that is being closed here. After it, the answer is a live one. */
const LEAVE_WAIT_MS = 3_000;

export class Fleet implements AsyncDisposable {
  readonly probes: PeerProbes;
  private readonly options: FleetOptions;
  private readonly timing: LeaseTiming;
  private readonly calls: StoreCalls;
  /** Renewals, on a connection of their own. */
  private readonly renewals: StoreCalls;
  private readonly ending = new AbortController();
  private readonly losses = new Set<(tenants: readonly string[] | "all") => Promise<void>>();
  private readonly claiming = new Map<string, Promise<TenantPlacement>>();
  private readonly owners: KnownOwners;
  private readonly leaving = new Map<string, Promise<void>>();
  private readonly endings = new Set<string>();
  private readonly moves = new TenantMoves();
  private holder: LeaseHolder;
  private running: Promise<void> | null = null;
  private isBegun = false;
  private isBeginning = false;
  private isDraining = false;
  /** Since when its session is not held; `NEVER_MS` while it is, or after its tenants were closed. */
  private lapsedMs: SteadyMs = NEVER_MS;
  private hasOpen = false;
  private lastError = "";
  private differing: string | null = null;
  private address = "";

  constructor(options: FleetOptions) {
    this.options = options;
    this.timing = options.timing ?? LEASE_TIMING;
    const { store, clock } = options;
    const { answerMs: withinMs } = this.timing;
    this.calls = new StoreCalls({ clock, withinMs, maxUnanswered: 2, reconnect: () => store.reconnect() });
    this.renewals = new StoreCalls({ clock, withinMs, maxUnanswered: 1, reconnect: () => store.reconnectSession() });
    this.owners = new KnownOwners(clock);
    this.holder = new LeaseHolder(crypto.randomUUID(), this.timing);
    this.probes = new PeerProbes(options.clock);
  }

  get name(): string {
    return this.options.name;
  }

  /** Whether its session is held, so that it may own tenants. */
  get isHeld(): boolean {
    return this.holder.leftMs(this.nowMs()) > 0;
  }

  get leftMs(): number {
    return this.holder.leftMs(this.nowMs());
  }

  /** The version of a running node that is too far from this one's, so that this node has no session; else null. */
  get differingVersion(): string | null {
    return this.differing;
  }

  get isLeaving(): boolean {
    return this.isDraining;
  }

  /** Tenants that it owns now. */
  get owned(): number {
    return this.isHeld ? this.holder.tenants.length : 0;
  }

  get nodes(): readonly NodeSession[] {
    return this.holder.sessions;
  }

  get incarnation(): string {
    return this.holder.incarnation;
  }

  /** Begins its session and renews it until the fleet is disposed of. `address`: where other nodes reach this one. */
  start(address: string): void {
    this.address = address;
    this.running ??= this.run();
  }

  /** The lease of a tenant, or null when this node does not own it now. */
  lease(tenant: string): HeldLease | null {
    const { holder } = this;
    const fence = holder.fence(tenant, this.nowMs());
    if (fence === null) return null;
    // A later lease of the same tenant has another number, and its own view.
    const { incarnation } = holder;
    return {
      fence,
      incarnation,
      leftMs: () => (holder.fence(tenant, this.nowMs()) === fence ? holder.leftMs(this.nowMs()) : 0),
    };
  }

  /** `listener` is called with the tenants that this node does not own any more, or "all"; it closes what they have open. */
  onLost(listener: (tenants: readonly string[] | "all") => Promise<void>): void {
    this.losses.add(listener);
  }

  /** Finds the owner of a tenant, or claims it. */
  async place(tenant: TenantName, { isForwarded, prove, recordFence }: PlaceOptions): Promise<TenantPlacement> {
    // It is being closed here, so that the next owner can have it.
    const leaving = this.leaving.get(tenant.key);
    if (leaving && !(await isDoneWithin(leaving, LEAVE_WAIT_MS, this.options.clock)))
      return { kind: "live", why: "owner" };
    const nowMs = this.nowMs();
    if (this.holder.fence(tenant.key, nowMs) !== null) return { kind: "own" };
    const known = this.owners.owner(tenant.key);
    if (known !== null && known !== this.incarnation) return this.peer(known);
    if (!this.isHeld) return { kind: "live", why: "database" };
    const running = this.claiming.get(tenant.key);
    if (running) return running;
    const found = this.find(tenant, { isForwarded, prove, recordFence }).finally(() =>
      this.claiming.delete(tenant.key),
    );
    this.claiming.set(tenant.key, found);
    return found;
  }

  /** The node did not answer, or does not own the tenant. */
  mistrust(incarnation: string, tenant: string, isSilent: boolean): void {
    this.owners.forget(tenant);
    if (isSilent) this.owners.putSilent(incarnation);
  }

  /** A session by its name in a session id; the newest of that name. */
  nodeNamed(name: string): NodeSession | null {
    return this.nodes.findLast((node) => node.name === name) ?? null;
  }

  /** Takes no more tenants, and gives up those it has: to be called before the server ends. */
  async drain(): Promise<void> {
    if (this.isDraining) return;
    this.isDraining = true;
    // The other nodes see it with their next renewal.
    if (this.isBegun) void this.renew(this.holder, this.nowMs());
    await Promise.all(this.holder.tenants.map((tenant) => this.release(tenant)));
  }

  /** Gives a tenant up after what it has open was closed. */
  release(tenant: string): Promise<void> {
    const running = this.leaving.get(tenant) ?? this.leave(tenant).finally(() => this.leaving.delete(tenant));
    this.leaving.set(tenant, running);
    return running;
  }

  private async leave(tenant: string): Promise<void> {
    await this.lost([tenant]);
    const fence = this.holder.released(tenant);
    const { incarnation } = this.holder;
    this.owners.forget(tenant);
    if (fence !== null)
      await this.calls.ask(() => this.options.store.release(tenant, incarnation, fence)).catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.ending.signal.aborted) return;
    await this.drain();
    this.ending.abort();
    await this.running;
    this.probes.close();
    const { incarnation } = this.holder;
    if (this.isBegun) await this.calls.ask(() => this.options.store.end(incarnation, null)).catch(() => undefined);
    await this.options.store[Symbol.asyncDispose]();
  }

  private nowMs(): SteadyMs {
    return this.options.clock.steadyMs();
  }

  private peer(incarnation: string): TenantPlacement {
    const node = this.nodes.find((one) => one.incarnation === incarnation);
    return node && this.isReachable(incarnation) ? { kind: "peer", node } : { kind: "live", why: "owner" };
  }

  private isReachable(incarnation: string): boolean {
    return !this.owners.isSilent(incarnation) && !this.probes.isSilent(incarnation);
  }

  private async find(tenant: TenantName, { isForwarded, prove, recordFence }: PlaceOptions): Promise<TenantPlacement> {
    const { holder } = this;
    let owner: string | null;
    try {
      owner = await this.calls.ask(() => this.options.store.owner(tenant.key));
    } catch (error) {
      return this.notPlaced(error);
    }
    if (owner !== null && owner !== holder.incarnation) return this.remember(tenant.key, owner);
    const isOwn = (incarnation: string) => incarnation === holder.incarnation;
    const able = this.nodes.filter((one) => !one.isDraining && !(this.isDraining && isOwn(one.incarnation)));
    const preferred = preferredNode(tenant.key, able);
    if (owner === null && preferred !== null && preferred.name !== this.name && !isForwarded) {
      const placed = this.peer(preferred.incarnation);
      if (placed.kind === "peer") return placed;
    }
    if (this.isDraining) return { kind: "live", why: "owner" };
    await prove();
    try {
      return await this.claim(tenant, holder, recordFence());
    } catch (error) {
      return this.notPlaced(error);
    }
  }

  private notPlaced(error: unknown): TenantPlacement {
    this.report("a tenant could not be placed", error);
    return { kind: "live", why: "database" };
  }

  private async claim(tenant: TenantName, holder: LeaseHolder, above: number): Promise<TenantPlacement> {
    const claim = holder.claimSent(tenant.key);
    try {
      const result = await this.calls.ask(() => this.options.store.claim(tenant, holder.incarnation, above));
      holder.claimAnswered(tenant.key, claim, result);
      if (result.kind === "owned") return this.remember(tenant.key, result.incarnation);
    } catch (error) {
      holder.claimFailed(tenant.key, claim);
      throw error;
    }
    const fence = holder.fence(tenant.key, this.nowMs());
    if (fence === null) return { kind: "live", why: "database" };
    this.options.logger.info("owns a tenant", { tenant: tenant.key.slice(0, 12), fence });
    return { kind: "own" };
  }

  private remember(tenant: string, incarnation: string): TenantPlacement {
    this.owners.put(tenant, incarnation);
    return this.peer(incarnation);
  }

  private async run(): Promise<void> {
    const { signal } = this.ending;
    while (!signal.aborted) {
      await this.tick().catch((error: unknown) => this.report("a step of the fleet failed", error));
      await this.options.clock.sleep(TICK_MS, signal);
    }
  }

  private async tick(): Promise<void> {
    if (!this.isBegun) {
      await this.begin();
      return;
    }
    const { holder } = this;
    const nowMs = this.nowMs();
    if (holder.isRenewalDue(nowMs)) void this.renew(holder, nowMs);
    this.checkHeld(nowMs);
    // Not awaited: nothing may delay the next renewal.
    for (const sighting of holder.endable(nowMs)) void this.endSession(sighting);
    if (!this.isDraining) this.moveOne(nowMs);
  }

  private async endSession({ incarnation, renewals }: Sighting): Promise<void> {
    if (this.endings.has(incarnation)) return;
    this.endings.add(incarnation);
    const name = this.nodes.find((one) => one.incarnation === incarnation)?.name;
    const isEnded = await this.calls.ask(() => this.options.store.end(incarnation, renewals)).catch(() => false);
    this.endings.delete(incarnation);
    if (isEnded) this.options.logger.warn("a node that did not renew its session lost its tenants", { node: name });
  }

  private async begin(): Promise<void> {
    if (this.isBeginning) return;
    this.isBeginning = true;
    const { store, name, version } = this.options;
    const { incarnation } = this.holder;
    try {
      const description = { name, version, address: this.address, incarnation };
      this.differing = await this.renewals.ask(() => store.begin(description));
      if (this.differing !== null)
        throw new Error(`a node with version ${this.differing} runs, this one has ${version}`);
      this.isBegun = true;
      await this.renew(this.holder, this.nowMs());
    } catch (error) {
      this.report("the fleet's database cannot be used, and is tried again", error);
      await this.options.clock.sleep(this.timing.renewMs, this.ending.signal);
    } finally {
      this.isBeginning = false;
    }
  }

  private async renew(holder: LeaseHolder, sentMs: SteadyMs): Promise<void> {
    const { store, report } = this.options;
    const sent = holder.renewalSent(sentMs);
    const request = { incarnation: holder.incarnation, isDraining: this.isDraining, report: report() };
    try {
      const renewal = await this.renewals.ask(() => store.renew(request));
      holder.renewalAnswered(renewal, sent, this.nowMs());
      this.noticeNodes(renewal.sessions);
      if (this.lastError !== "") this.options.logger.info("the fleet's database answers again");
      this.lastError = "";
    } catch (error) {
      holder.renewalFailed(sent);
      this.report("the session of this node could not be renewed", error);
    }
  }

  private noticeNodes(sessions: readonly NodeSession[]): void {
    const present = new Set(sessions.map(({ incarnation }) => incarnation));
    this.probes.keepOnly(present);
    this.owners.keepOnly(present);
    if (!this.moves.noticeNodes(sessions, this.nowMs())) return;
    const twins = sessions.filter(({ name, incarnation }) => name === this.name && incarnation !== this.incarnation);
    this.options.logger.info("nodes of the fleet", { nodes: sessions.length, same_name: twins.length });
  }

  /** Closes what belongs to leases that are lost, and begins a new session after the old one was ended. */
  private checkHeld(nowMs: SteadyMs): void {
    const { isHeld, holder, timing } = this;
    if (isHeld) {
      this.hasOpen = true;
      this.lapsedMs = NEVER_MS;
    } else if (this.hasOpen) {
      if (this.lapsedMs === NEVER_MS) {
        this.lapsedMs = nowMs;
        this.options.logger.warn("this node could not renew its session in time and answers live");
      }
      // A session that is renewed late still has its leases, and no other node may have ended it earlier.
      if (holder.isEnded || nowMs - this.lapsedMs >= timing.observeMs - timing.holdMs) {
        this.hasOpen = false;
        this.options.logger.warn("this node owns no tenants any more");
        void this.lost("all");
      }
    }
    if (!holder.isEnded || this.isDraining) return;
    this.holder = new LeaseHolder(crypto.randomUUID(), timing);
    this.isBegun = false;
  }

  private async lost(tenants: readonly string[] | "all"): Promise<void> {
    await Promise.all([...this.losses].map((listener) => listener(tenants)));
  }

  /** A tenant whose preferred node is another one moves there. */
  private moveOne(nowMs: SteadyMs): void {
    const { tenants } = this.holder;
    const isReachable = (incarnation: string) => this.isReachable(incarnation);
    const moving = this.moves.next({ name: this.name, tenants, nodes: this.nodes, isReachable }, nowMs);
    if (moving === undefined) return;
    this.options.logger.info("a tenant moves to its preferred node", { tenant: moving.slice(0, 12) });
    void this.release(moving);
  }

  private report(what: string, error: unknown): void {
    const { message } = toAppError(error);
    const text = error instanceof Error ? error.message || message : message;
    if (text === this.lastError) return;
    this.lastError = text;
    this.options.logger.warn(what, { error: text });
  }
}
