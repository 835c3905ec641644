/** Request handlers for prompts, which a person picks from a menu of the client. */

import type { McpServer } from "@modelcontextprotocol/server";
import { AppError } from "../errors.ts";
import { asNames, joined, quote, sentence } from "../lib/shown-text.ts";
import { PROMPTS } from "../prompts/index.ts";
import { LONGEST_NAME } from "../tools/definition/suggestions.ts";
import { invalidParamsError, wholeText } from "./protocol/protocol-errors.ts";

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
      const names = asNames(PROMPTS.map((one) => one.name));
      throw invalidParamsError(sentence`There is no prompt ${quote(name, LONGEST_NAME)}. Prompts: ${names}.`);
    }
    try {
      const text = joined(prompt.text(values), "\n");
      return {
        description: prompt.description,
        messages: [{ role: "user" as const, content: { type: "text" as const, text } }],
      };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      throw invalidParamsError(wholeText(error));
    }
  });
}
