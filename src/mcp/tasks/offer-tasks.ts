/**
 * Tasks: a confirmed change whose effect takes long is answered with a handle, and the client asks for its result later. Revision
 * 2026-07-28 has them as an extension, where the server decides (https://modelcontextprotocol.io/seps/2663-tasks-extension); in 2025-11-25
 * the client asks for one (https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks). The SDK has no support of
 * either; it passes the methods and results on.
 */
import type { McpServer, ServerContext } from "@modelcontextprotocol/server";
import { z } from "zod";
import { isJsonObject } from "../../lib/exact-json.ts";
import { own } from "../../lib/shown-text.ts";
import { formatIsoUs } from "../../lib/time.ts";
import { internalError, invalidParamsError, methodNotFound, missingExtension } from "../protocol/protocol-errors.ts";
import { RELATED_TASK_KEY, TASKS_EXTENSION } from "../protocol/protocol-names.ts";
import type { Task, TaskHandle, TaskStore } from "./task-store.ts";

const POLL_MS = 1_000;
/** A call that ends within this time is answered at once, where the server decides. */
const QUICK_MS = 1_000;

/** What a result of a tool has that tasks look at. */
interface TaskResult {
  readonly content: readonly { readonly type: "text"; readonly text: string }[];
  readonly structuredContent: Readonly<Record<string, unknown>>;
  readonly _meta?: Readonly<Record<string, unknown>> | undefined;
}

/** How the client of a call can take a task. `asked`: it wants one and gets one. `offered`: it can take one. */
export type TaskWay =
  | { readonly kind: "asked"; readonly ttlMs: number | undefined }
  | { readonly kind: "offered" }
  | { readonly kind: "none" };

/** The way of this call. */
export function taskWayOf(ctx: ServerContext, capabilities: unknown, params: unknown): TaskWay {
  if (ctx.mcpReq.envelope !== undefined) return { kind: declaresTasks(capabilities) ? "offered" : "none" };
  const task = isJsonObject(params) ? params.task : undefined;
  if (!isJsonObject(task)) return { kind: "none" };
  return { kind: "asked", ttlMs: typeof task.ttl === "number" && task.ttl >= 0 ? task.ttl : undefined };
}

function declaresTasks(capabilities: unknown): boolean {
  const extensions = isJsonObject(capabilities) ? capabilities.extensions : undefined;
  return isJsonObject(extensions) && isJsonObject(extensions[TASKS_EXTENSION]);
}

/** Runs a call as a task. The answer is its result when it ends soon and the server may decide, else the handle. */
export async function runAsTask<Result extends TaskResult>(
  tasks: TaskStore<Result>,
  way: Exclude<TaskWay, { readonly kind: "none" }>,
  { callerId, signal, sleep }: { callerId: string; signal: AbortSignal; sleep(ms: number): Promise<void> },
  run: (handle: TaskHandle) => Promise<Result>,
): Promise<{ readonly result: Result } | { readonly handle: Record<string, unknown> } | "too many"> {
  const task = tasks.start(callerId, way.kind === "asked" ? way.ttlMs : undefined, run);
  if (task === null) return "too many";
  // The SDK lets no result of a tool pass without content, which the schema of such a handle allows.
  if (way.kind === "asked") return { handle: { content: [], task: legacyTask(task) } };
  const cancel = () => tasks.cancel(task);
  signal.addEventListener("abort", cancel, { once: true });
  await Promise.race([task.ended, sleep(QUICK_MS)]);
  signal.removeEventListener("abort", cancel);
  if (task.result === null) return { handle: { resultType: "task", ...modernTask(task) } };
  tasks.drop(task);
  return { result: task.result };
}

/** Registers the methods of tasks. */
export function offerTasks<Result extends TaskResult>(
  mcp: McpServer,
  tasks: TaskStore<Result>,
  capabilitiesOf: (ctx: ServerContext) => unknown,
): void {
  const isModern = (ctx: ServerContext) => ctx.mcpReq.envelope !== undefined;
  const found = (id: string, ctx: ServerContext): Task<Result> => {
    if (isModern(ctx) && !declaresTasks(capabilitiesOf(ctx))) throw missingExtension(TASKS_EXTENSION);
    const task = tasks.find(ctx.http?.authInfo?.clientId ?? "", id);
    if (task !== null) return task;
    throw invalidParamsError(own("There is no such task of this caller; it may have expired."));
  };
  const params = z.looseObject({ taskId: z.string() });
  mcp.server.setRequestHandler("tasks/get", { params }, async ({ taskId }, ctx) => {
    const task = found(taskId, ctx);
    return isModern(ctx) ? detailedTask(task) : legacyTask(task);
  });
  mcp.server.setRequestHandler("tasks/cancel", { params }, async ({ taskId }, ctx) => {
    const task = found(taskId, ctx);
    if (isModern(ctx)) {
      tasks.cancel(task);
      return {};
    }
    if (task.result !== null || task.isCancelled) throw invalidParamsError(own("The task has ended already."));
    tasks.cancel(task);
    return legacyTask(task);
  });
  mcp.server.setRequestHandler("tasks/update", { params }, async ({ taskId }, ctx) => {
    if (!isModern(ctx)) throw methodNotFound();
    // No task asks for input: users are asked before it begins.
    found(taskId, ctx);
    return {};
  });
  mcp.server.setRequestHandler("tasks/result", { params }, async ({ taskId }, ctx) => {
    if (isModern(ctx)) throw methodNotFound();
    const result = await found(taskId, ctx).ended;
    const fields = Object.fromEntries(Object.entries(result));
    return { ...fields, _meta: { ...result._meta, [RELATED_TASK_KEY]: { taskId } } };
  });
}

/** The error for a call that asks for a task of a tool that makes none. */
export function noTaskError() {
  return methodNotFound(own("This tool does not run as a task; call it without task."));
}

export function tooManyTasksError() {
  const message = own(
    "There are too many tasks; nothing was sent. Call without task, or again when others have ended.",
  );
  return internalError(message, "unavailable");
}

type Status = "working" | "completed" | "cancelled";

function common<Result extends TaskResult>(task: Task<Result>, status: Status) {
  const statusMessage = status === "working" ? task.message : summaryOf(task);
  return {
    taskId: task.id,
    status,
    ...(statusMessage === null ? {} : { statusMessage }),
    createdAt: formatIsoUs(task.createdUs),
    lastUpdatedAt: formatIsoUs(task.updatedUs),
  };
}

/** A cancelled task stays so, whatever its call still did; `tasks/result` has what that was. */
function legacyTask<Result extends TaskResult>(task: Task<Result>) {
  const status = task.isCancelled ? "cancelled" : task.result === null ? "working" : "completed";
  return { ...common(task, status), ttl: task.ttlMs, pollInterval: POLL_MS };
}

function modernTask<Result extends TaskResult>(task: Task<Result>) {
  const isWithoutEffect = task.isCancelled && task.result !== null && !hasSent(task.result);
  const status = task.result === null ? "working" : isWithoutEffect ? "cancelled" : "completed";
  return { ...common(task, status), ttlMs: task.ttlMs, pollIntervalMs: POLL_MS };
}

/** A change that was cancelled after a request was sent is completed: its result says which requests were sent. */
function detailedTask<Result extends TaskResult>(task: Task<Result>) {
  const shown = modernTask(task);
  if (shown.status !== "completed" || task.result === null) return shown;
  return { ...shown, result: { ...task.result, resultType: "complete" } };
}

function hasSent({ structuredContent: { results } }: TaskResult): boolean {
  return Array.isArray(results) && results.some((one) => isJsonObject(one) && one.outcome !== "not_sent");
}

/** The first line of the answer. */
function summaryOf<Result extends TaskResult>({ result }: Task<Result>): string | null {
  return result?.content[0]?.text.split("\n", 1)[0] ?? null;
}
