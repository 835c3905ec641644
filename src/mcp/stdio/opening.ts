/**
 * Answers the first requests of a connection without the SDK, whose loading takes a third of the time until the first answer. It knows
 * the usual forms exactly and answers them with the bytes of the SDK (`test/mcp/stdio/opening.test.ts` compares them). With the first
 * other message it ends: the SDK gets what makes it know the client, then that message and all later ones but plain calls.
 */

import type { JSONRPCMessage } from "@modelcontextprotocol/server";
import { isJsonObject } from "../../lib/exact-json.ts";
import { INSTRUCTIONS } from "../../tools/definition/instructions.ts";
import { declaresApps } from "../offer-apps.ts";
import {
  type Envelope,
  envelopeOf,
  hasOnly,
  isRequestId,
  MESSAGE_KEYS,
  PlainCalls,
  type PlainCallsOptions,
  plainCall,
  type RequestId,
} from "../plain-calls.ts";
import {
  CLIENT_CAPABILITIES_KEY,
  CLIENT_INFO_KEY,
  LEGACY_REVISIONS,
  MODERN_REVISION,
} from "../protocol/protocol-names.ts";
import { listedTools, OWN_LIST, serverCapabilities, serverInfo } from "../server-description.ts";
import type { Tenant } from "../tenant.ts";
import type { OwnAnswers } from "./line-transport.ts";

type Fields = Readonly<Record<string, unknown>>;
type Legacy = { readonly era: "2025"; readonly initialize: JSONRPCMessage; initialized: JSONRPCMessage | null };
type Modern = { readonly era: "2026"; readonly envelope: Envelope };

/** Id of a request that the client did not send, with which the SDK learns the era. */
const PINNING_ID = "prefect-mcp-bun/pinning";

export class Opening implements OwnAnswers {
  private readonly tenant: Tenant;
  private readonly options: PlainCallsOptions;
  private readonly calls: PlainCalls;
  private readonly stopListening: () => void;
  /** What decided the era; null before that. */
  private client: Legacy | Modern | null = null;
  private hasEnded = false;

  constructor(tenant: Tenant, options: PlainCallsOptions) {
    this.tenant = tenant;
    this.options = options;
    this.calls = new PlainCalls(tenant, options);
    this.stopListening = tenant.onToolsChanged(() => this.notifyOfTools());
  }

  take(message: unknown): boolean {
    if (this.hasEnded) return this.calls.take(message);
    if (!isJsonObject(message) || message.jsonrpc !== "2.0" || !hasOnly(message, MESSAGE_KEYS)) return false;
    const { id, method, params = {} } = message;
    if (!isJsonObject(params) || typeof method !== "string") return false;
    if (id === undefined) return this.takeNotification(method, message);
    if (!isRequestId(id)) return false;
    if (method === "tools/call" && this.client !== null) return this.calls.take(message);
    if (params._meta !== undefined) return this.takeModern(id, method, message, params);
    return this.takeLegacy(id, method, message, params);
  }

  received(message: JSONRPCMessage): void {
    this.calls.received(message);
  }

  sent(message: JSONRPCMessage): void {
    this.calls.sent(message);
  }

  /** The SDK gets all later messages but plain calls. Returns the messages with which it learns what was agreed. */
  end(): readonly JSONRPCMessage[] {
    this.hasEnded = true;
    this.stopListening();
    const { client } = this;
    if (client === null) return [];
    if (client.era === "2025") return [client.initialize, ...(client.initialized ? [client.initialized] : [])];
    const params = { _meta: client.envelope };
    return [{ jsonrpc: "2.0", id: PINNING_ID, method: "tools/list", params } as JSONRPCMessage];
  }

  close(): void {
    this.stopListening();
    this.calls.close();
  }

  private takeNotification(method: string, message: Fields): boolean {
    const { client } = this;
    if (method !== "notifications/initialized" || client?.era !== "2025" || message.params !== undefined) return false;
    if (client.initialized !== null) return false;
    client.initialized = message as unknown as JSONRPCMessage;
    return true;
  }

  private takeLegacy(id: RequestId, method: string, message: Fields, params: Fields): boolean {
    const { tenant, client } = this;
    if (client === null) {
      if (method !== "initialize" || !isUsualClient(params)) return false;
      this.client = { era: "2025", initialize: message as unknown as JSONRPCMessage, initialized: null };
      this.calls.begin("2025", null);
      this.answer(id, {
        protocolVersion: params.protocolVersion,
        capabilities: serverCapabilities(tenant, "2025"),
        serverInfo: serverInfo(tenant.version),
        instructions: INSTRUCTIONS,
      });
      return true;
    }
    if (client.era !== "2025" || Object.keys(params).length > 0) return false;
    if (method === "ping") this.answer(id, {});
    else if (method === "tools/list") this.answer(id, { tools: this.tools(declaredBy(client)) });
    else return false;
    return true;
  }

  private takeModern(id: RequestId, method: string, message: Fields, params: Fields): boolean {
    const { tenant, client } = this;
    const envelope = envelopeOf(message);
    if (envelope === null || !isUsualEnvelope(envelope) || client?.era === "2025") return false;
    if (client !== null && !Bun.deepEquals(client.envelope, envelope)) return false;
    if (method === "tools/call") return this.takeFirstCall(message, envelope);
    if (!hasOnly(params, META_ONLY) || !Bun.deepEquals(params._meta, envelope)) return false;
    const capabilities = envelope[CLIENT_CAPABILITIES_KEY];
    if (method === "server/discover" && client === null) {
      const about = { capabilities: serverCapabilities(tenant, "2026"), instructions: INSTRUCTIONS };
      const cache = { ttlMs: 0, cacheScope: "private" };
      this.answer(id, { supportedVersions: [MODERN_REVISION], ...about, ...this.modern(cache) });
      return true;
    }
    if (method !== "tools/list") return false;
    this.beginModern(envelope);
    this.answer(id, { tools: this.tools(capabilities), ...this.modern(OWN_LIST) });
    return true;
  }

  private takeFirstCall(message: Fields, envelope: Envelope): boolean {
    if (plainCall(message, "2026", envelope) === null) return false;
    this.beginModern(envelope);
    return this.calls.take(message);
  }

  private beginModern(envelope: Envelope): void {
    this.client = { era: "2026", envelope };
    this.calls.begin("2026", envelope);
  }

  private tools(capabilities: unknown) {
    const hasTasks = this.client?.era === "2025" && this.tenant.tasks !== undefined;
    return listedTools(this.tenant.tools(), { showsApps: declaresApps(capabilities), hasTasks });
  }

  /** What each result of the 2026 era ends with. */
  private modern(cache: { readonly ttlMs: number; readonly cacheScope: string }) {
    const stamp = { "io.modelcontextprotocol/serverInfo": serverInfo(this.tenant.version) };
    return { resultType: "complete", ...cache, _meta: stamp };
  }

  private answer(id: RequestId, result: Fields): void {
    const text = JSON.stringify({ result, jsonrpc: "2.0", id });
    void this.options
      .write(`${text}\n`)
      .catch(() => undefined)
      .then(() => this.options.settled(id));
  }

  /** In the 2026 era only subscribers are notified, and subscribing ends the opening. */
  private notifyOfTools(): void {
    if (this.client?.era !== "2025") return;
    const notices = ["tools", "resources"].map(
      (list) => `{"jsonrpc":"2.0","method":"notifications/${list}/list_changed"}\n`,
    );
    void this.options.write(notices.join("")).catch(() => undefined);
  }
}

const META_ONLY: ReadonlySet<string> = new Set(["_meta"]);
const INITIALIZE_KEYS: ReadonlySet<string> = new Set(["protocolVersion", "capabilities", "clientInfo"]);

function declaredBy({ initialize }: Legacy): unknown {
  const { params } = initialize as { readonly params?: { readonly capabilities?: unknown } };
  return params?.capabilities;
}

/** Whether the SDK certainly accepts these parameters of `initialize` and answers with the same revision. */
function isUsualClient(params: Fields): boolean {
  const { protocolVersion, capabilities, clientInfo } = params;
  const isKnown = typeof protocolVersion === "string" && LEGACY_REVISIONS.includes(protocolVersion);
  return isKnown && hasOnly(params, INITIALIZE_KEYS) && isUsualInfo(clientInfo) && areUsual(capabilities);
}

function isUsualEnvelope(envelope: Envelope): boolean {
  return isUsualInfo(envelope[CLIENT_INFO_KEY]) && areUsual(envelope[CLIENT_CAPABILITIES_KEY]);
}

const INFO_KEYS: ReadonlySet<string> = new Set(["name", "version", "title", "description", "websiteUrl"]);

function isUsualInfo(info: unknown): boolean {
  if (!isJsonObject(info) || !hasOnly(info, INFO_KEYS)) return false;
  const isText = (text: unknown) => typeof text === "string";
  return isText(info.name) && isText(info.version) && Object.values(info).every(isText);
}

/** Capabilities whose form the protocol fixes: a member with another form is left to the SDK. */
function areUsual(capabilities: unknown): boolean {
  if (!isJsonObject(capabilities)) return false;
  return Object.entries(capabilities).every(([name, value]) => {
    if (!isJsonObject(value)) return false;
    const members = Object.entries(value);
    if (name === "roots") return members.every(([key, flag]) => key === "listChanged" && typeof flag === "boolean");
    if (name === "sampling") return members.length === 0;
    if (name === "elicitation") return members.every(([key, form]) => /^(form|url)$/.test(key) && isEmpty(form));
    return name === "extensions" && members.every(([, extension]) => isJsonObject(extension));
  });
}

function isEmpty(value: unknown): boolean {
  return isJsonObject(value) && Object.keys(value).length === 0;
}
