import type { JSONRPCMessage } from "@modelcontextprotocol/server";
import { AppError } from "../../errors.ts";
import { CountedWatches } from "../counted-watches.ts";
import { withWatchableUris } from "../offer-subscriptions.ts";
import { SUBSCRIPTION_ID_KEY } from "../protocol/protocol-names.ts";
import { watchIn } from "../resource-watch.ts";
import type { Tenant } from "../tenant.ts";

/**
 * Watches the resources of `subscriptions/listen` requests (2026 era). The SDK answers these requests itself and does not report which
 * resources they name, so the messages are read as they pass: the acknowledgement starts a subscription, the answer or a cancellation
 * ends it. The SDK passes an update to every subscription that names the resource, so each resource is watched once.
 */
export function trackListenRequests(tenant: Tenant, updated: (uri: string) => Promise<void> | undefined) {
  const unacknowledged = new Set<unknown>();
  const listening = new Map<unknown, readonly string[]>();
  const watches = new CountedWatches((uri) =>
    watchUnlessFull(tenant, uri, () => void updated(uri)?.catch(() => undefined)),
  );
  const endSubscription = (id: unknown) => {
    unacknowledged.delete(id);
    for (const uri of listening.get(id) ?? []) watches.remove(uri);
    listening.delete(id);
  };
  /** Starts watching, and removes from the acknowledgement the resources that cannot be watched because too many are. */
  const acknowledged = (message: JSONRPCMessage): JSONRPCMessage => {
    const { params } = message as unknown as { params: Acknowledgement };
    const { resourceSubscriptions = [], ...others } = params.notifications;
    const id = params._meta?.[SUBSCRIPTION_ID_KEY];
    // Cancelled before it was acknowledged.
    if (!unacknowledged.has(id)) return message;
    const accepted = resourceSubscriptions.filter((uri) => watches.add(uri));
    endSubscription(id);
    listening.set(id, accepted);
    if (accepted.length === resourceSubscriptions.length) return message;
    const notifications = accepted.length > 0 ? { ...others, resourceSubscriptions: accepted } : others;
    return { ...message, params: { ...params, notifications } } as JSONRPCMessage;
  };
  return {
    incoming(message: JSONRPCMessage): JSONRPCMessage {
      if (!("method" in message)) return message;
      if (message.method === "notifications/cancelled") endSubscription(message.params?.requestId);
      if (message.method !== "subscriptions/listen" || !("id" in message)) return message;
      unacknowledged.add(message.id);
      return withWatchableUris(message) as JSONRPCMessage;
    },
    outgoing(message: JSONRPCMessage): JSONRPCMessage {
      if (!("method" in message)) endSubscription(message.id);
      else if (message.method === "notifications/subscriptions/acknowledged") return acknowledged(message);
      return message;
    },
    end() {
      for (const id of [...listening.keys()]) endSubscription(id);
    },
  };
}

interface Acknowledgement {
  readonly notifications: { readonly resourceSubscriptions?: readonly string[] };
  readonly _meta?: Readonly<Record<string, unknown>>;
}

/** Null when too many resources are watched, or the tenant has no watch. */
function watchUnlessFull(tenant: Tenant, uri: string, notify: () => void): (() => void) | null {
  try {
    return watchIn(tenant, uri, notify);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return null;
  }
}
