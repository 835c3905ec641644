/**
 * Requests that one node sends to another carry a signature by the fleet's shared secret, and so do the answers. A signature is for one
 * receiver and holds once: the receiver's session and a counter of the sender's session are part of it, so no clocks are compared.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

export const FLEET_HEADER = "x-prefect-mcp-fleet";
/** Of every answer of a fleet: the name of the node that gave it. A balancer can learn the owner of a tenant from it. */
export const FLEET_NODE_HEADER = "x-prefect-mcp-node";
export const FLEET_ANSWER_HEADER = "x-prefect-mcp-fleet-answer";

/** How far a counter may lie behind the highest one that was seen: requests overtake each other. */
const WINDOW = 65_536;
const MAX_SENDERS = 10_000;

/** What is signed of a request. */
export interface ForwardedRequest {
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  /** Values of the headers that decide what is answered; absent ones are empty. */
  readonly headers: readonly string[];
  readonly body: string;
}

export interface ForwardEnvelope {
  /** Incarnation of the sender. */
  readonly from: string;
  readonly counter: number;
  /** The caller as the sender has authenticated it, for rates and sessions. */
  readonly callerId: string;
}

export class FleetSignatures {
  private readonly secret: string;
  private counter = 0;
  private readonly senders = new Map<string, { highest: number; readonly seen: Set<number> }>();

  constructor(secret: string) {
    this.secret = secret;
  }

  /** The header for a request to the session `to`. */
  sign(
    from: string,
    to: string,
    callerId: string,
    request: ForwardedRequest,
  ): { header: string; envelope: ForwardEnvelope } {
    this.counter += 1;
    const envelope: ForwardEnvelope = { from, counter: this.counter, callerId };
    const caller = Buffer.from(callerId).toString("base64url");
    const mac = this.mac(["request", to, ...envelopeParts(envelope), ...requestParts(request)]);
    return { header: `1.${from}.${this.counter}.${caller}.${mac}`, envelope };
  }

  /** The envelope of a request to the session `to`; null when the signature is wrong, for another receiver, or was used before. */
  verify(header: string, to: string, request: ForwardedRequest): ForwardEnvelope | null {
    const [version, from, counter, caller, mac, ...rest] = header.split(".");
    if (version !== "1" || !from || !counter || caller === undefined || !mac || rest.length > 0) return null;
    const envelope: ForwardEnvelope = {
      from,
      counter: Number(counter),
      callerId: Buffer.from(caller, "base64url").toString("utf8"),
    };
    if (!Number.isSafeInteger(envelope.counter) || String(envelope.counter) !== counter) return null;
    const expected = this.mac(["request", to, ...envelopeParts(envelope), ...requestParts(request)]);
    return isEqual(mac, expected) && this.isFirst(envelope) ? envelope : null;
  }

  /** The header of the answer: that it comes from the receiver of this request. `isOwner`: it has answered the request itself. */
  signAnswer(to: string, envelope: ForwardEnvelope, status: number, isOwner: boolean): string {
    return `${isOwner ? "owner" : "other"}.${this.answerMac(to, envelope, status, isOwner)}`;
  }

  /** Whether the owner has answered; null when the answer is not from the node that was asked. */
  verifyAnswer(header: string | null, to: string, envelope: ForwardEnvelope, status: number): boolean | null {
    const [kind, mac] = header?.split(".") ?? [];
    if ((kind !== "owner" && kind !== "other") || !mac) return null;
    const isOwner = kind === "owner";
    return isEqual(mac, this.answerMac(to, envelope, status, isOwner)) ? isOwner : null;
  }

  private answerMac(to: string, envelope: ForwardEnvelope, status: number, isOwner: boolean): string {
    return this.mac(["answer", to, ...envelopeParts(envelope), String(status), String(isOwner)]);
  }

  private mac(parts: readonly string[]): string {
    const mac = createHmac("sha256", this.secret);
    for (const part of parts) mac.update(`${Buffer.byteLength(part)}:`).update(part);
    return mac.digest("base64url");
  }

  private isFirst({ from, counter }: ForwardEnvelope): boolean {
    let sender = this.senders.get(from);
    if (!sender) {
      sender = { highest: 0, seen: new Set() };
      this.senders.set(from, sender);
      const oldest = this.senders.size > MAX_SENDERS ? this.senders.keys().next().value : undefined;
      if (oldest !== undefined) this.senders.delete(oldest);
    }
    if (counter <= sender.highest - WINDOW || sender.seen.has(counter)) return false;
    sender.seen.add(counter);
    sender.highest = Math.max(sender.highest, counter);
    if (sender.seen.size > 2 * WINDOW)
      for (const old of sender.seen) if (old <= sender.highest - WINDOW) sender.seen.delete(old);
    return true;
  }
}

/** The key of a tenant: the same on all nodes. Without the secret it does not show URL or credentials. */
export function tenantKey(secret: string, parts: readonly string[]): string {
  const mac = createHmac("sha256", secret).update("tenant");
  for (const part of parts) mac.update(`${Buffer.byteLength(part)}:`).update(part);
  return mac.digest("hex").slice(0, 40);
}

function envelopeParts({ from, counter, callerId }: ForwardEnvelope): string[] {
  return [from, String(counter), callerId];
}

function requestParts({ method, path, headers, body }: ForwardedRequest): string[] {
  return [method, path, ...headers, createHash("sha256").update(body).digest("hex")];
}

function isEqual(given: string, expected: string): boolean {
  const one = Buffer.from(given);
  const other = Buffer.from(expected);
  return one.length === other.length && timingSafeEqual(one, other);
}
