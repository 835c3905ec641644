/**
 * A model on this computer that always asks for one tool and then ends, in the four interfaces that clients speak. With it a client calls
 * tools without a login. The result of the tool arrives in the next request of the client.
 */
import { z } from "zod";

export interface FakeModel extends AsyncDisposable {
  readonly url: string;
  /** What the client sent after the tool was called: the bodies of requests that answer the call. */
  readonly answers: readonly string[];
  /** Names of the tools that the client offered. */
  readonly offered: ReadonlySet<string>;
}

const Call = "call_0000000000000000";
const Named = z.looseObject({ name: z.string().optional(), function: z.looseObject({ name: z.string() }).optional() });
const Group = z.looseObject({
  name: z.string().optional(),
  tools: z.array(Named).optional(),
  functionDeclarations: z.array(Named).optional(),
});
const Body = z.looseObject({ tools: z.array(z.union([Group, Named])).optional() });

interface Tool {
  readonly name: string;
  /** Codex groups the tools of a server under a name. */
  readonly namespace?: string;
}

function toolsOf(body: z.infer<typeof Body>): Tool[] {
  return (body.tools ?? []).flatMap((entry): Tool[] => {
    const group = Group.parse(entry);
    const members = group.tools ?? group.functionDeclarations;
    const own = Named.parse(entry);
    const name = own.function?.name ?? own.name;
    if (members === undefined) return name === undefined ? [] : [{ name }];
    return members.flatMap((member) =>
      member.name === undefined ? [] : [{ name: member.name, ...(group.name ? { namespace: group.name } : {}) }],
    );
  });
}

type Events = readonly (readonly [event: string | null, data: object | string])[];

function anthropic(tool: Tool | null): Events {
  const start = {
    type: "message_start",
    message: {
      id: "msg_1",
      type: "message",
      role: "assistant",
      model: "fake",
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { input_tokens: 1, output_tokens: 1 },
    },
  };
  const block = tool ? { type: "tool_use", id: Call, name: tool.name, input: {} } : { type: "text", text: "" };
  const delta = tool ? { type: "input_json_delta", partial_json: "{}" } : { type: "text_delta", text: "done" };
  const events = [
    start,
    { type: "content_block_start", index: 0, content_block: block },
    { type: "content_block_delta", index: 0, delta },
    { type: "content_block_stop", index: 0 },
    {
      type: "message_delta",
      delta: { stop_reason: tool ? "tool_use" : "end_turn", stop_sequence: null },
      usage: { output_tokens: 1 },
    },
    { type: "message_stop" },
  ];
  return events.map((event) => [event.type, event]);
}

function responses(tool: Tool | null): Events {
  const item = tool
    ? { type: "function_call", id: "fc_1", call_id: Call, arguments: "{}", ...tool }
    : { type: "message", id: "msg_1", role: "assistant", content: [{ type: "output_text", text: "done" }] };
  const usage = {
    input_tokens: 1,
    input_tokens_details: null,
    output_tokens: 1,
    output_tokens_details: null,
    total_tokens: 2,
  };
  const events = [
    { type: "response.created", response: { id: "resp_1" } },
    { type: "response.output_item.done", output_index: 0, item },
    { type: "response.completed", response: { id: "resp_1", usage } },
  ];
  return events.map((event) => [event.type, event]);
}

function completions(tool: Tool | null): Events {
  const chunk = (delta: object, finish_reason: string | null) => ({
    id: "c",
    object: "chat.completion.chunk",
    created: 0,
    model: "fake",
    choices: [{ index: 0, delta, finish_reason }],
  });
  const calls = [{ index: 0, id: Call, type: "function", function: { name: tool?.name, arguments: "{}" } }];
  const delta = { role: "assistant", ...(tool ? { tool_calls: calls } : { content: "done" }) };
  return [
    [null, chunk(delta, null)],
    [null, chunk({}, tool ? "tool_calls" : "stop")],
    [null, "[DONE]"],
  ];
}

function gemini(tool: Tool | null): Events {
  const part = tool ? { functionCall: { name: tool.name, args: {} } } : { text: "done" };
  return [
    [
      null,
      {
        candidates: [{ index: 0, content: { role: "model", parts: [part] }, finishReason: "STOP" }],
        usageMetadata: { totalTokenCount: 2 },
      },
    ],
  ];
}

/** By the end of the path. */
const INTERFACES = [
  { path: /\/messages$/, events: anthropic, answered: '"tool_result"' },
  { path: /\/responses$/, events: responses, answered: '"function_call_output"' },
  { path: /\/chat\/completions$/, events: completions, answered: '"role":"tool"' },
  { path: /:(streamGenerateContent|generateContent)$/, events: gemini, answered: '"functionResponse"' },
];

/** `tool`: the end of the name that the client gives to it. */
export function startFakeModel(tool: string): FakeModel {
  const answers: string[] = [];
  const offered = new Set<string>();
  let isCalled = false;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const text = await request.text();
      const { pathname } = new URL(request.url);
      const spoken = INTERFACES.find(({ path }) => path.test(pathname));
      if (request.method !== "POST" || spoken === undefined) return Response.json({});
      const tools = toolsOf(Body.parse(JSON.parse(text)));
      for (const { name } of tools) offered.add(name);
      if (isCalled && text.includes(spoken.answered)) answers.push(text);
      const wanted = tools.find(({ name }) => name.endsWith(tool));
      // Claude Code connects to servers while it asks the model, which can wait for them.
      const asked = isCalled ? undefined : (wanted ?? tools.find(({ name }) => name === "WaitForMcpServers"));
      isCalled ||= asked !== undefined && asked === wanted;
      const events = spoken.events(asked ?? null).map(([event, data]) => {
        const line = typeof data === "string" ? data : JSON.stringify(data);
        return `${event === null ? "" : `event: ${event}\n`}data: ${line}\n\n`;
      });
      return new Response(events.join(""), { headers: { "content-type": "text/event-stream" } });
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    answers,
    offered,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}
