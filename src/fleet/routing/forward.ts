/** Sends a request to the node that owns its tenant, and passes the answer on as it arrives. */
import type { Clock } from "../../lib/clock.ts";
import type { NodeSession } from "../lease/lease-rules.ts";
import type { PeerProbes, SentRequest } from "./peer-probes.ts";
import {
  FLEET_ANSWER_HEADER,
  FLEET_HEADER,
  type FleetSignatures,
  type ForwardEnvelope,
  type ForwardedRequest,
} from "./signature.ts";

/** Request headers that are passed on and signed, in this order. */
export const FORWARDED_HEADERS = [
  "authorization",
  "accept",
  "content-type",
  "last-event-id",
  "mcp-method",
  "mcp-name",
  "mcp-protocol-version",
  "mcp-session-id",
  "traceparent",
  "tracestate",
  "x-prefect-api-auth-string",
  "x-prefect-api-key",
  "x-prefect-api-url",
] as const;

/** Of the answer's headers, those that concern one connection only are left out. */
const NOT_PASSED = new Set(["connection", "keep-alive", "transfer-encoding", "content-length", FLEET_ANSWER_HEADER]);

export type ForwardResult =
  | { readonly kind: "answered"; readonly response: Response }
  /** The other node does not own the tenant, and has done nothing. */
  | { readonly kind: "refused" }
  /** `mayHaveRun`: the request may have reached the other node before the connection failed. */
  | { readonly kind: "failed"; readonly mayHaveRun: boolean };

export interface ForwardOptions {
  readonly signatures: FleetSignatures;
  /** Incarnation of this node. */
  readonly from: string;
  readonly node: NodeSession;
  readonly callerId: string;
  readonly request: Request;
  /** The body of the request as text; "" where it has none. */
  readonly body: string;
  readonly clock: Clock;
  readonly probes: PeerProbes;
  /** Whether the other node still has its session. Without one it has no tenants, and its answer is not waited for. */
  isLive(): boolean;
  /** A stream of notifications ends when this aborts; its caller opens it again elsewhere. */
  readonly until?: AbortSignal;
}

const CHECK_EVERY_MS = 500;
const NOT_REACHED = new Set(["ConnectionRefused", "ECONNREFUSED", "ENOTFOUND", "EHOSTUNREACH", "FailedToOpenSocket"]);

export function signedPartsOf(request: Request, body: string): ForwardedRequest {
  const { pathname, search } = new URL(request.url);
  const headers = FORWARDED_HEADERS.map((name) => request.headers.get(name) ?? "");
  return { method: request.method, path: pathname + search, headers, body };
}

export async function forwardRequest(options: ForwardOptions): Promise<ForwardResult> {
  const { signatures, from, node, callerId, request, body, clock, probes } = options;
  const sent = probes.send(node);
  if (sent === null) return { kind: "failed", mayHaveRun: false };
  const parts = signedPartsOf(request, body);
  const { header, envelope } = signatures.sign(from, node.incarnation, callerId, parts);
  const headers = new Headers({ [FLEET_HEADER]: header });
  for (const [index, name] of FORWARDED_HEADERS.entries()) {
    const value = parts.headers[index];
    if (value) headers.set(name, value);
  }
  const giveUp = new AbortController();
  const begun = new AbortController();
  const watch = async () => {
    while (!begun.signal.aborted && options.isLive()) await clock.sleep(CHECK_EVERY_MS, begun.signal);
    if (!begun.signal.aborted) giveUp.abort();
  };
  void watch();
  // The caller's end is the end of this request, too. `silence` also ends a stream that has begun.
  const stop = () => giveUp.abort();
  for (const signal of [request.signal, sent.silence]) {
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
  }
  const ended: SentRequest = {
    ...sent,
    end() {
      for (const signal of [request.signal, sent.silence]) signal.removeEventListener("abort", stop);
      sent.end();
    },
  };
  let isPassedOn = false;
  try {
    const response = await fetch(new URL(parts.path, node.address), {
      method: request.method,
      headers,
      redirect: "manual",
      // Otherwise Bun uses the proxy variables of the environment, which are for Prefect.
      proxy: false,
      // A stream of notifications may be silent for long.
      timeout: false,
      signal: giveUp.signal,
      ...(request.method === "POST" ? { body } : {}),
    });
    const result = await passOn(response, options, envelope, ended);
    isPassedOn = result.kind === "answered";
    return result;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    return { kind: "failed", mayHaveRun: !NOT_REACHED.has(code) };
  } finally {
    begun.abort();
    sent.begun();
    if (!isPassedOn) ended.end();
  }
}

async function passOn(
  response: Response,
  { signatures, node: { incarnation }, until }: ForwardOptions,
  envelope: ForwardEnvelope,
  sent: SentRequest,
): Promise<ForwardResult> {
  const given = response.headers.get(FLEET_ANSWER_HEADER);
  const isOwner = signatures.verifyAnswer(given, incarnation, envelope, response.status);
  if (isOwner !== true) {
    await response.body?.cancel();
    // Without the signature another program answers at the address of the node.
    return isOwner === false ? { kind: "refused" } : { kind: "failed", mayHaveRun: false };
  }
  const headers = new Headers();
  for (const [name, value] of response.headers) if (!NOT_PASSED.has(name)) headers.append(name, value);
  const isStream = headers.get("content-type")?.startsWith("text/event-stream") === true;
  const body = isStream && response.body ? untilEnd(response.body, sent, until) : await response.arrayBuffer();
  if (!isStream) sent.end();
  return { kind: "answered", response: new Response(body, { status: response.status, headers }) };
}

/** The stream as it arrives, or until `until` aborts; `sent` ends with it. */
function untilEnd(
  body: ReadableStream<Uint8Array>,
  sent: SentRequest,
  until?: AbortSignal,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  // A read that waits is answered as at the end of the stream.
  const stop = () => void reader.cancel().catch(() => undefined);
  until?.addEventListener("abort", stop, { once: true });
  if (until?.aborted) stop();
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
        controller.close();
      } catch (error) {
        controller.error(error);
      }
      sent.end();
    },
    cancel(reason) {
      sent.end();
      return reader.cancel(reason);
    },
  });
}
