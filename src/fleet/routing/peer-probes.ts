/**
 * Whether the nodes that this one sends requests to still answer. A connection to a node whose network is cut stays open and silent, while
 * the node renews its session in the database. An answer may take minutes, so silence alone says nothing: the node is asked for its health.
 */
import type { Clock } from "../../lib/clock.ts";
import type { NodeSession } from "../lease/lease-rules.ts";

type Node = Pick<NodeSession, "incarnation" | "address">;

/** A request that was sent to a node, until its answer has ended. */
export interface SentRequest {
  /** Aborted when the node does not answer any more. */
  readonly silence: AbortSignal;
  /** The answer has begun. */
  begun(): void;
  /** The answer has ended, or is not awaited any more. */
  end(): void;
}

interface ProbedNode {
  readonly silence: AbortController;
  readonly idle: AbortController;
  open: number;
  waiting: number;
}

const PROBE_EVERY_MS = 1_500;
const ANSWER_WITHIN_MS = 2_000;
/** Probes without an answer, one after the other, after which a node counts as silent. */
const MAX_UNANSWERED = 2;
/** Requests that wait for one node. Further ones are not sent to it. */
const MAX_WAITING = 1_000;

export class PeerProbes {
  private readonly clock: Clock;
  private readonly nodes = new Map<string, ProbedNode>();
  private readonly silent = new Set<string>();
  private readonly ending = new AbortController();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Requests to other nodes whose answers have not ended. */
  get open(): number {
    return this.nodes.values().reduce((sum, { open }) => sum + open, 0);
  }

  /** It did not answer its last probes. It is probed until it answers again. */
  isSilent(incarnation: string): boolean {
    return this.silent.has(incarnation);
  }

  /** Probes the node for as long as the request runs; null when too many requests wait for it. */
  send(node: Node): SentRequest | null {
    const probed = this.nodes.get(node.incarnation) ?? this.begin(node);
    if (probed.waiting >= MAX_WAITING) return null;
    probed.open += 1;
    probed.waiting += 1;
    let isWaiting = true;
    let isOpen = true;
    const begun = () => {
      if (isWaiting) probed.waiting -= 1;
      isWaiting = false;
    };
    return {
      silence: probed.silence.signal,
      begun,
      end: () => {
        begun();
        if (!isOpen) return;
        isOpen = false;
        probed.open -= 1;
        if (probed.open > 0) return;
        if (this.nodes.get(node.incarnation) === probed) this.nodes.delete(node.incarnation);
        probed.idle.abort();
      },
    };
  }

  close(): void {
    this.ending.abort();
  }

  private begin(node: Node): ProbedNode {
    const probed: ProbedNode = { silence: new AbortController(), idle: new AbortController(), open: 0, waiting: 0 };
    this.nodes.set(node.incarnation, probed);
    void this.probe(node, probed);
    return probed;
  }

  private async probe(node: Node, probed: ProbedNode): Promise<void> {
    const stop = AbortSignal.any([probed.idle.signal, this.ending.signal]);
    for (let unanswered = 0; unanswered < MAX_UNANSWERED; ) {
      await this.clock.sleep(PROBE_EVERY_MS, stop);
      if (stop.aborted) return;
      unanswered = (await this.answers(node)) ? 0 : unanswered + 1;
      if (stop.aborted) return;
    }
    this.nodes.delete(node.incarnation);
    this.silent.add(node.incarnation);
    void this.awaitAnswer(node);
    probed.silence.abort();
  }

  private async awaitAnswer(node: Node): Promise<void> {
    const { signal } = this.ending;
    while (!signal.aborted && this.silent.has(node.incarnation)) {
      await this.clock.sleep(PROBE_EVERY_MS, signal);
      if (await this.answers(node)) this.silent.delete(node.incarnation);
    }
  }

  /** Only these nodes are probed from now on: the others have no session any more. */
  keepOnly(incarnations: ReadonlySet<string>): void {
    for (const incarnation of this.silent) if (!incarnations.has(incarnation)) this.silent.delete(incarnation);
  }

  private async answers({ address }: Node): Promise<boolean> {
    const answered = new AbortController();
    const late = new AbortController();
    void this.clock.sleep(ANSWER_WITHIN_MS, answered.signal).then(() => late.abort());
    try {
      // A kept connection may be one that the network has cut.
      const init = { signal: late.signal, proxy: false, redirect: "manual", keepalive: false } as const;
      const response = await fetch(new URL("/healthz", address), init);
      await response.body?.cancel();
      return response.ok;
    } catch {
      return false;
    } finally {
      answered.abort();
    }
  }
}
