/** Fixture tools that need input from the client before they can answer (2026-07-28). */
import {
  acceptedContent,
  inputRequired,
  inputResponse,
  type McpServer,
  type ServerContext,
} from "@modelcontextprotocol/server";

export const text = (value: string) => ({ content: [{ type: "text" as const, text: value }] });

export function capabilitiesOf(ctx: ServerContext): Record<string, unknown> {
  const envelope = (ctx.mcpReq.envelope ?? {}) as Record<string, unknown>;
  return (envelope["io.modelcontextprotocol/clientCapabilities"] ?? {}) as Record<string, unknown>;
}

type Mint = (payload: unknown, ctx: ServerContext) => Promise<string>;

const ask = (message: string, name: string, type: "string" | "boolean" = "string") =>
  inputRequired.elicit({
    message,
    requestedSchema: {
      type: "object",
      properties: type === "string" ? { [name]: { type: "string" } } : { [name]: { type: "boolean" } },
      required: [name],
    },
  });

const sample = (question: string, maxTokens: number) =>
  inputRequired.createMessage({
    messages: [{ role: "user", content: { type: "text", text: question } }],
    maxTokens,
  });

export function registerInputTools(server: McpServer, mint: Mint): void {
  const tool = (name: string) => `test_input_required_result_${name}`;
  const named = { description: "Needs input." };
  server.registerTool(tool("elicitation"), named, (ctx) => {
    const given = acceptedContent<{ name?: unknown }>(ctx.mcpReq.inputResponses, "user_name");
    if (typeof given?.name === "string") return text(`Hello, ${given.name}!`);
    return inputRequired({ inputRequests: { user_name: ask("What is your name?", "name") } });
  });
  server.registerTool(tool("sampling"), named, (ctx) => {
    const given = inputResponse(ctx.mcpReq.inputResponses, "capital_question");
    if (given.kind === "sampling") return text(JSON.stringify(given.result.content));
    return inputRequired({ inputRequests: { capital_question: sample("What is the capital of France?", 100) } });
  });
  // The protocol layer refuses these to a client that has not declared the capability.
  server.registerTool("test_missing_capability", named, () =>
    inputRequired({ inputRequests: { question: sample("What is the capital of France?", 100) } }),
  );
  server.registerTool("test_streaming_elicitation", named, () =>
    inputRequired({ inputRequests: { user_name: ask("What is your name?", "name") } }),
  );
  server.registerTool(tool("list_roots"), named, (ctx) => {
    const given = inputResponse(ctx.mcpReq.inputResponses, "client_roots");
    if (given.kind === "roots") return text(given.roots.map((root) => root.uri).join(", "));
    return inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } });
  });
  for (const name of ["request_state", "tampered_state"]) {
    server.registerTool(tool(name), named, async (ctx) => {
      const state = ctx.mcpReq.requestState<{ round: number }>();
      if (state !== undefined && ctx.mcpReq.inputResponses) return text("state-ok");
      const requestState = await mint({ round: 1 }, ctx);
      return inputRequired({ inputRequests: { confirm: ask("Please confirm", "ok", "boolean") }, requestState });
    });
  }
  server.registerTool(tool("multiple_inputs"), named, async (ctx) => {
    const responses = ctx.mcpReq.inputResponses ?? {};
    if (["user_name", "greeting", "client_roots"].every((key) => key in responses)) return text("all there");
    return inputRequired({
      inputRequests: {
        user_name: ask("What is your name?", "name"),
        greeting: sample("Generate a greeting", 50),
        client_roots: inputRequired.listRoots(),
      },
      requestState: await mint({ round: 1 }, ctx),
    });
  });
  server.registerTool(tool("multi_round"), named, async (ctx) => {
    const { round = 0 } = ctx.mcpReq.requestState<{ round: number }>() ?? {};
    if (round === 2) return text("finished");
    const question = round === 0 ? "Step 1: What is your name?" : "Step 2: What is your favorite color?";
    const request = { [`step${round + 1}`]: ask(question, round === 0 ? "name" : "color") };
    return inputRequired({ inputRequests: request, requestState: await mint({ round: round + 1 }, ctx) });
  });
  server.registerTool(tool("capabilities"), named, (ctx) => {
    const { elicitation, sampling } = capabilitiesOf(ctx);
    const inputRequests = {
      ...(elicitation === undefined ? {} : { name: ask("What is your name?", "name") }),
      ...(sampling === undefined ? {} : { question: sample("What is the capital of France?", 100) }),
    };
    return inputRequired({ inputRequests });
  });
}
