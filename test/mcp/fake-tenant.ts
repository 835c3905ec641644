import { z } from "zod";
import { AppError } from "../../src/errors.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { createLogger, type Logger } from "../../src/lib/logger.ts";
import { quoteJson, sentence } from "../../src/lib/shown-text.ts";
import type { Tenant } from "../../src/mcp/tenant.ts";
import type { QueryContext } from "../../src/queries/source/context.ts";
import { answerText } from "../../src/tools/answer/fenced.ts";
import { defineTool, type ToolDefinition } from "../../src/tools/definition/define-tool.ts";

const output = z.looseObject({});
const plain = { title: "A test tool", description: "Does one thing.", output };

/** What a call was seen to do. */
export interface Seen {
  /** Calls of `wait` that have begun. */
  begun: number;
  aborted: number;
}

export function testTools(seen: Seen): ToolDefinition[] {
  const answer = (structured: Record<string, unknown>) => ({
    structured,
    text: answerText([quoteJson(structured, Number.POSITIVE_INFINITY)]),
  });
  return [
    defineTool({
      ...plain,
      name: "echo",
      input: z.strictObject({
        text: z.string(),
        times: z.number().int().min(1).max(100_000).optional(),
        filter: z.looseObject({}).optional(),
      }),
      run: async (_ctx, { text, times = 1, filter }) =>
        answer({ text: text.repeat(times), ...(filter ? { filter } : {}) }),
    }),
    defineTool({
      ...plain,
      name: "instance",
      input: z.strictObject({}),
      run: async ({ query }) => answer({ instance: query.instance }),
    }),
    defineTool({
      ...plain,
      name: "count_up",
      input: z.strictObject({}),
      run: async (ctx) => {
        for (let done = 1; done <= 3; done += 1) ctx.progress(done, 3, sentence`step ${done}`);
        return answer({ done: 3 });
      },
    }),
    defineTool({
      ...plain,
      name: "wait",
      input: z.strictObject({}),
      run: async ({ signal }) => {
        seen.begun += 1;
        // Ends only with its caller.
        await systemClock.sleep(2 ** 31 - 1, signal);
        if (signal.aborted) seen.aborted += 1;
        return answer({ waited: true });
      },
    }),
    defineTool({
      ...plain,
      name: "not_found",
      input: z.strictObject({}),
      run: async () => {
        throw new AppError("not_found", "there is no run abc", { hint: "get_flow_runs lists them" });
      },
    }),
    defineTool({
      ...plain,
      name: "crash",
      input: z.strictObject({}),
      run: async () => {
        throw new TypeError("undefined is not an object (evaluating 'secret.path')");
      },
    }),
  ];
}

export interface FakeTenant extends Tenant {
  readonly seen: Seen;
  readonly log: string[];
  /** While set, every call is answered with it. */
  problem: AppError | null;
  setTools(tools: readonly ToolDefinition[]): void;
}

export function fakeTenant(): FakeTenant {
  const seen: Seen = { begun: 0, aborted: 0 };
  const log: string[] = [];
  const listeners = new Set<() => void>();
  const logger: Logger = createLogger("debug", (line) => void log.push(line));
  let tools: readonly ToolDefinition[] = testTools(seen);
  const tenant: FakeTenant = {
    version: "9.9.9",
    logger,
    isCloud: false,
    seen,
    log,
    problem: null,
    tools: () => tools,
    setTools: (next) => {
      tools = next;
      for (const notify of listeners) notify();
    },
    query() {
      if (tenant.problem) throw tenant.problem;
      return fakeQuery();
    },
    onToolsChanged: (notify) => {
      listeners.add(notify);
      return () => void listeners.delete(notify);
    },
  };
  return tenant;
}

function fakeQuery(): QueryContext {
  return {
    record: () => null,
    api: () => {
      throw new AppError("invalid_config", "no API here");
    },
    clock: systemClock,
    saveLive: () => {},
    freshMs: 60_000,
    liveDeadlineMs: 300_000,
    uiUrl: null,
    instance: "http://127.0.0.1:4200/api",
  };
}
