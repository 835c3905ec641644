/** Request handlers for prompts, which a person picks from a menu of the client. */
import { type McpServer, ProtocolError, ProtocolErrorCode } from "@modelcontextprotocol/server";
import { AppError } from "../errors.ts";
import { PROMPTS } from "../prompts/index.ts";

export function offerPrompts(mcp: McpServer): void {
  const { server } = mcp;
  server.setRequestHandler("prompts/list", () => ({
    prompts: PROMPTS.map(({ name, title, description, arguments: args }) => ({
      name,
      title,
      description,
      arguments: args.map((one) => ({ ...one })),
    })),
  }));
  server.setRequestHandler("prompts/get", ({ params: { name, arguments: values = {} } }) => {
    const prompt = PROMPTS.find((one) => one.name === name);
    if (!prompt) {
      const names = PROMPTS.map((one) => one.name).join(", ");
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, `There is no prompt "${name}". Prompts: ${names}.`);
    }
    try {
      const text = prompt.text(values);
      return {
        description: prompt.description,
        messages: [{ role: "user" as const, content: { type: "text" as const, text } }],
      };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const text = [error.message, error.hint].filter(Boolean).join(" ");
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, text);
    }
  });
}
