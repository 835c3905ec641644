/**
 * Answers through the host that shows this page as an MCP App,
 * https://github.com/modelcontextprotocol/ext-apps/blob/main/specification/2026-01-26/apps.mdx
 */
import { App, type McpUiHostContext } from "@modelcontextprotocol/ext-apps";
import { isObject, objectAt } from "../answers/read.ts";
import { type Args, CallError, type Connection, type Structured } from "./connection.ts";

export interface Hosted {
  readonly connection: Connection;
  /** Arguments of the call that the host shows. */
  readonly args: Args;
}

/** Resolves when the host has sent the arguments and the result of its call: that answer is drawn without asking again. */
export async function connectToHost(tool: string): Promise<Hosted> {
  const app = new App({ name: "prefect-mcp-bun", version: "1" });
  const shown = new Promise<{ args: Args; result: Structured }>((resolve) => {
    let args: Args = {};
    app.ontoolinput = (params) => {
      args = params.arguments ?? {};
    };
    app.ontoolresult = (params) => resolve({ args, result: params });
  });
  app.onhostcontextchanged = applyContext;
  await app.connect();
  applyContext(app.getHostContext());
  const { args, result } = await shown;
  const first = JSON.stringify([tool, args]);
  let isFirst = true;
  return {
    args,
    connection: {
      kind: "host",
      async call(name, given) {
        if (isFirst && JSON.stringify([name, given]) === first) {
          isFirst = false;
          return structuredOf(result);
        }
        return structuredOf(await app.callServerTool({ name, arguments: { ...given } }));
      },
      // A host has no way to say that the record has changed.
      onChange: () => () => undefined,
    },
  };
}

function structuredOf(result: Structured): Structured {
  const structured = objectAt(result, "structuredContent");
  if (result.isError === true || !isObject(result.structuredContent)) throw new CallError(structured);
  return structured;
}

/** The theme of the host; without one the browser's decides. */
function applyContext(context: McpUiHostContext | undefined): void {
  if (context?.theme !== undefined) document.documentElement.dataset.theme = context.theme;
}
