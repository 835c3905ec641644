/**
 * The place of an HTTP server in a fleet. For each request it finds the node that owns the tenant, sends the request there, or lets this
 * server answer: from the record while it owns the tenant, otherwise from Prefect alone.
 */
import { normaliseApiUrl } from "../../../config/urls.ts";
import type { Fleet, HeldLease } from "../../../fleet/fleet.ts";
import type { TenantName } from "../../../fleet/fleet-store.ts";
import type { NodeSession } from "../../../fleet/lease/lease-rules.ts";
import { forwardRequest, signedPartsOf } from "../../../fleet/routing/forward.ts";
import {
  FLEET_ANSWER_HEADER,
  FLEET_HEADER,
  FLEET_NODE_HEADER,
  FleetSignatures,
  type ForwardEnvelope,
  tenantKey,
} from "../../../fleet/routing/signature.ts";
import type { Clock } from "../../../lib/clock.ts";
import { own, type Sentence } from "../../../lib/shown-text.ts";
import { isListen } from "../requests/inspect-message.ts";
import { refusal } from "../requests/refusals.ts";
import type { TenantTarget } from "../tenants/tenant-headers.ts";

export interface FleetDoorOptions {
  readonly fleet: Fleet;
  readonly secret: string;
  readonly clock: Clock;
  /** The Prefect of the server's own settings. */
  ownTarget(): TenantTarget;
  /** The fencing number with which this node's file of the tenant was written last; 0: none. */
  recordFence(target: TenantTarget | null): number;
  /** Absent: records are not replicated. */
  readonly records?: ReplicatedRecords;
  /** Closes what the tenant has open, because this node does not own it any more. */
  close(target: TenantTarget | null): Promise<void>;
}

/** The records of tenants and their replicas. */
export interface ReplicatedRecords {
  /** Makes the record ready for its new owner. Meanwhile its tenant is answered from Prefect alone. */
  take(tenant: TenantName, lease: HeldLease, target: TenantTarget | null): Promise<void>;
  /** The record is closed, and another node will own it. */
  leave(target: TenantTarget | null): Promise<void>;
  /** For how long the replica that is furthest behind has lacked a commit, milliseconds. */
  lagMs(): number;
}

interface OpenedTenant {
  readonly target: TenantTarget | null;
  readonly fence: number;
  /** Whether the record is in place. */
  isReady: boolean;
}

/** A request as this server answers it; `forwarded`: another node has sent it. */
export interface ReceivedRequest {
  readonly request: Request;
  readonly forwarded: ForwardEnvelope | null;
}

export type FleetDecision =
  | { readonly kind: "answer"; readonly isLiveOnly: boolean }
  | { readonly kind: "answered"; readonly response: Response };

/** A call that may change something is not sent twice. */
export interface ForwardedCall {
  readonly received: ReceivedRequest;
  readonly target: TenantTarget | null;
  readonly callerId: string;
  readonly body: unknown;
  readonly mayChange: boolean;
  /** Throws when Prefect does not accept the credentials of the tenant. */
  prove(): Promise<void>;
}

/** The lease under which a record is written, or why it is neither read nor written. */
export interface FleetAccess {
  readonly lease?: HeldLease;
  readonly liveOnly?: Sentence;
}

const OWN = "own";
const LIVE_ONLY = own(
  "The record of this workspace cannot be used at the moment: its node in the fleet or the fleet's database does not answer, or the record is being restored. Everything here was read from Prefect.",
);

export class FleetDoor {
  private readonly options: FleetDoorOptions;
  private readonly signatures: FleetSignatures;
  /** Tenants that this node owns and has opened, with the number of the lease. */
  private readonly opened = new Map<string, OpenedTenant>();
  /** Ends the streams of notifications that are passed on. */
  private readonly ending = new AbortController();
  private forwardedCount = 0;
  private receivedCount = 0;
  private liveCount = 0;

  constructor(options: FleetDoorOptions) {
    this.options = options;
    this.signatures = new FleetSignatures(options.secret);
    options.fleet.onLost((keys) => this.closeLost(keys));
  }

  get counts() {
    return { forwarded: this.forwardedCount, received: this.receivedCount, live: this.liveCount };
  }

  get isReady(): boolean {
    return !this.options.fleet.isLeaving;
  }

  /** 0 where records are not replicated. */
  get replicaLagMs(): number {
    return this.options.records?.lagMs() ?? 0;
  }

  /** Undefined where records are not replicated. */
  get replicaLagS(): number | undefined {
    return this.options.records && Math.round(this.replicaLagMs / 1000);
  }

  get fleet(): Fleet {
    return this.options.fleet;
  }

  /** What the sessions of this server begin with, so that every node finds them. */
  get sessionPrefix(): string {
    return `${this.options.fleet.name}~`;
  }

  /** The lease of a tenant, while this node owns it and its record is in place. */
  lease(target: TenantTarget | null): HeldLease | null {
    const { key } = this.nameOf(target);
    const lease = this.options.fleet.lease(key);
    const opened = this.opened.get(key);
    return lease !== null && opened?.isReady && opened.fence === lease.fence ? lease : null;
  }

  /** How an application of the tenant may use its record. */
  accessTo(target: TenantTarget | null, isLiveOnly: boolean): FleetAccess {
    const lease = isLiveOnly ? null : this.lease(target);
    return lease === null ? { liveOnly: LIVE_ONLY } : { lease };
  }

  /** Checks the signature of a request from another node. A wrong one is refused. */
  async receive(request: Request): Promise<ReceivedRequest | Response> {
    const header = request.headers.get(FLEET_HEADER);
    if (header === null) return { request, forwarded: null };
    const body = request.method === "POST" ? await request.text() : "";
    const { incarnation } = this.options.fleet;
    const forwarded = this.signatures.verify(header, incarnation, signedPartsOf(request, body));
    if (forwarded === null) {
      return refusal({ status: 403, code: "unauthorized", message: own("The signature of the fleet is not valid.") });
    }
    this.receivedCount += 1;
    const init = { method: request.method, headers: request.headers, signal: request.signal };
    const copy = new Request(request.url, request.method === "POST" ? { ...init, body } : init);
    if (request.method === "POST") copy.headers.set("content-length", String(Buffer.byteLength(body)));
    return { request: copy, forwarded };
  }

  /** Names the node that answered, and marks an answer to another node as one of this node. */
  sealed(response: Response, { forwarded }: ReceivedRequest, isOwner: boolean): Response {
    const { name, isLeaving } = this.options.fleet;
    // The caller's next request has to find another node.
    if (isLeaving) response.headers.set("connection", "close");
    // An answer that was passed on names its node already.
    if (!response.headers.has(FLEET_NODE_HEADER)) response.headers.set(FLEET_NODE_HEADER, name);
    if (forwarded === null) return response;
    const { incarnation } = this.options.fleet;
    const header = this.signatures.signAnswer(incarnation, forwarded, response.status, isOwner);
    response.headers.set(FLEET_ANSWER_HEADER, header);
    return response;
  }

  async decide(call: ForwardedCall): Promise<FleetDecision> {
    const { received, target } = call;
    const isForwarded = received.forwarded !== null;
    const session = received.request.headers.get("mcp-session-id");
    if (session !== null) return this.decideSession(call, session);
    const name = this.nameOf(target);
    // The second attempt is for an owner that has just changed.
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const { prove } = call;
      const recordFence = () => this.options.recordFence(target);
      const placed = await this.options.fleet.place(name, { isForwarded, prove, recordFence });
      if (placed.kind === "own") return this.answerAsOwner(name, target);
      if (isForwarded) return { kind: "answered", response: this.notOwner(received) };
      if (placed.kind === "live") break;
      const result = await this.forward(call, placed.node);
      if (result.kind === "answered") return result;
      this.options.fleet.mistrust(placed.node.incarnation, name.key, result.kind === "failed");
      if (result.kind === "failed" && result.mayHaveRun && call.mayChange)
        return { kind: "answered", response: lost() };
    }
    this.liveCount += 1;
    return { kind: "answer", isLiveOnly: true };
  }

  /** Claims the Prefect of the server's own settings, where this node is to have it. Returns whether this node owns it. */
  async placeOwn(): Promise<boolean> {
    const name = this.nameOf(null);
    const placed = await this.options.fleet.place(name, {
      isForwarded: false,
      prove: async () => undefined,
      recordFence: () => this.options.recordFence(null),
    });
    if (placed.kind !== "own") return false;
    await this.answerAsOwner(name, null);
    return true;
  }

  /** Closes what was opened under an earlier lease of the tenant. */
  private async answerAsOwner(name: TenantName, target: TenantTarget | null): Promise<FleetDecision> {
    const lease = this.options.fleet.lease(name.key);
    const before = this.opened.get(name.key);
    if (lease !== null && before?.fence !== lease.fence) {
      const { fence } = lease;
      const opened: OpenedTenant = { target, fence, isReady: false };
      this.opened.set(name.key, opened);
      if (before) await this.options.close(target);
      const { records } = this.options;
      const taken = records?.take(name, lease, target).finally(() => {
        opened.isReady = true;
      });
      // Not awaited: a restore may take minutes.
      if (taken === undefined) opened.isReady = true;
    }
    const isLiveOnly = this.lease(target) === null;
    if (isLiveOnly) this.liveCount += 1;
    return { kind: "answer", isLiveOnly };
  }

  /** A session lives on the node that began it, and ends when that node loses the tenant. */
  private async decideSession(call: ForwardedCall, session: string): Promise<FleetDecision> {
    const { received, target } = call;
    const { fleet } = this.options;
    const name = session.includes("~") ? session.slice(0, session.indexOf("~")) : fleet.name;
    if (name === fleet.name) return { kind: "answer", isLiveOnly: this.lease(target) === null };
    const node = received.forwarded === null ? fleet.nodeNamed(name) : null;
    const isSilent = node !== null && fleet.probes.isSilent(node.incarnation);
    const result = node === null || isSilent ? null : await this.forward(call, node);
    if (result?.kind === "answered") return result;
    if (result?.kind === "failed" && result.mayHaveRun && call.mayChange) return { kind: "answered", response: lost() };
    const message = own("The node of this session does not answer. Start a new one with an initialize request.");
    return { kind: "answered", response: refusal({ status: 404, message }) };
  }

  /** Callers open their streams again, at another node. */
  endStreams(): void {
    this.ending.abort();
  }

  private async forward({ received, callerId, body }: ForwardedCall, node: NodeSession) {
    const { fleet, clock } = this.options;
    const result = await forwardRequest({
      signatures: this.signatures,
      from: fleet.incarnation,
      node,
      callerId,
      request: received.request,
      body: body === undefined ? "" : JSON.stringify(body),
      clock,
      probes: fleet.probes,
      ...(received.request.method === "GET" || isListen(body) ? { until: this.ending.signal } : {}),
      isLive: () => fleet.nodes.some(({ incarnation }) => incarnation === node.incarnation),
    });
    if (result.kind === "answered") this.forwardedCount += 1;
    return result;
  }

  private notOwner(received: ReceivedRequest): Response {
    const message = own("This node does not own the tenant.");
    return this.sealed(refusal({ status: 421, code: "unavailable", message }), received, false);
  }

  private async closeLost(keys: readonly string[] | "all"): Promise<void> {
    const targets: (TenantTarget | null)[] = [];
    for (const key of keys === "all" ? [...this.opened.keys()] : keys) {
      const opened = this.opened.get(key);
      if (opened) targets.push(opened.target);
      this.opened.delete(key);
    }
    const { close, records } = this.options;
    await Promise.all(
      targets.map(async (target) => {
        await close(target);
        await records?.leave(target);
      }),
    );
  }

  private nameOf(target: TenantTarget | null): TenantName {
    const { url, credential } = target ?? this.options.ownTarget();
    const secret =
      credential.kind === "key" ? credential.key : credential.kind === "basic" ? credential.authString : "";
    const apiUrl = normaliseApiUrl(url) ?? url;
    const scope = target === null ? OWN : "caller";
    return { key: tenantKey(this.options.secret, [scope, apiUrl, credential.kind, secret]), url: apiUrl };
  }
}

function lost(): Response {
  return refusal({
    status: 503,
    code: "unavailable",
    message: own("The node that was asked did not answer; the call may have been carried out."),
    hint: own("Look whether it was before repeating it."),
  });
}
