/**
 * Asking the user to confirm a change, in both eras: revision 2026-07-28 by a multi round trip, 2025-11-25 by an elicitation, which the
 * SDK sends for the same result.
 */
import {
  CLIENT_CAPABILITIES_META_KEY,
  type InputRequiredResult,
  inputRequired,
  inputResponse,
  type McpServer,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { isJsonObject } from "../lib/exact-json.ts";
import type { Confirmation } from "../tools/definition/define-tool.ts";
import type { CallResult } from "./call-result.ts";

const KEY = "confirm";

/** What the client of this request, or of this session, can do. */
export function declaredCapabilities(mcp: McpServer, ctx: ServerContext): unknown {
  const { envelope } = ctx.mcpReq;
  const own = (envelope as Readonly<Record<string, unknown>> | undefined)?.[CLIENT_CAPABILITIES_META_KEY];
  return own ?? mcp.server.getClientCapabilities();
}

/** What the client brings back, or an empty confirmation where it can ask; undefined where it cannot. */
export function confirmationOf(mcp: McpServer, ctx: ServerContext): Confirmation | undefined {
  const { inputResponses } = ctx.mcpReq;
  if (!hasForms(declaredCapabilities(mcp, ctx))) return undefined;
  const token = ctx.mcpReq.requestState<unknown>();
  if (typeof token !== "string") return { answer: null };
  const response = inputResponse(inputResponses, KEY);
  const isAccepted = response.kind === "elicit" && response.action === "accept" && response.content?.[KEY] === true;
  return { answer: { token, isAccepted } };
}

/** An empty capability means forms. https://modelcontextprotocol.io/specification/2025-11-25/client/elicitation */
function hasForms(capabilities: unknown): boolean {
  const elicitation = isJsonObject(capabilities) ? capabilities.elicitation : undefined;
  return isJsonObject(elicitation) && ("form" in elicitation || Object.keys(elicitation).length === 0);
}

/** The result that makes the client ask. */
export function askUser({ content }: CallResult, token: string): InputRequiredResult {
  return inputRequired({
    requestState: token,
    inputRequests: {
      [KEY]: inputRequired.elicit({
        message: content.map(({ text }) => text).join("\n"),
        requestedSchema: {
          type: "object",
          properties: { [KEY]: { type: "boolean", title: "Do this", description: "Send these requests to Prefect." } },
          required: [KEY],
        },
      }),
    },
  });
}
