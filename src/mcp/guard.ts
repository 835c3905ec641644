/** The only place that catches all errors of a call: they become answers, and unexpected ones are logged with their stack. */

import { AppError, toAppError } from "../errors.ts";
import { isJsonObject } from "../lib/exact-json.ts";
import { asName, sentence } from "../lib/shown-text.ts";
import type { Redact } from "../model/secrets/redact.ts";
import type { ToolContext, ToolDefinition } from "../tools/definition/define-tool.ts";
import { runTool } from "../tools/definition/run-tool.ts";
import { workspaceCallOf } from "../tools/definition/workspace-argument.ts";
import { answerResult, type CallResult, errorResult } from "./call-result.ts";
import type { Tenant } from "./tenant.ts";
import { callInWorkspace, withWorkspace } from "./workspace-calls.ts";

export interface CallHandle {
  /** Aborts when the client cancels. */
  readonly signal: AbortSignal;
  progress: ToolContext["progress"];
  readonly confirmation?: ToolContext["confirmation"];
  readonly callerId?: ToolContext["callerId"];
}

/** One tool call, from the protocol or from the command line, in the workspace that it names. Never throws. */
export async function callTool(
  tenant: Tenant,
  tool: ToolDefinition,
  args: unknown,
  call: CallHandle,
): Promise<CallResult> {
  const asked = workspaceCallOf(args);
  if (asked === null) {
    const result = await callInTenant(tenant, tool, args, call);
    const name = tenant.workspaces?.activeName() ?? null;
    return name === null ? result : withWorkspace(result, name);
  }
  return callInWorkspace(tenant, asked, {
    tool,
    signal: call.signal,
    run: (named, own, share) => callInTenant(named, tool, own, call, share),
    shown: (error) => publicError(tenant, tool.name, error),
  });
}

async function callInTenant(
  tenant: Tenant,
  tool: ToolDefinition,
  args: unknown,
  call: CallHandle,
  share?: number,
): Promise<CallResult> {
  const { hiddenPath, ended } = tenant;
  const either = ended ? eitherSignal(call.signal, ended) : { signal: call.signal, release: () => undefined };
  // Read before the call runs: the tenant can be closed when the call ends, and then has no logger and no redaction.
  let reporter: Pick<Tenant, "logger" | "hidesSettings"> = tenant;
  let redact: Redact | null = null;
  let result: CallResult;
  let body: string | undefined;
  try {
    const query = tenant.query();
    reporter = { logger: tenant.logger, hidesSettings: tenant.hidesSettings === true };
    redact = tenant.redact ?? null;
    const { isCloud } = tenant;
    const { workspaces } = tenant;
    const beside = { ...(workspaces ? { workspaces } : {}), ...(share === undefined ? {} : { share }) };
    const answer = await runTool(tool, { ...call, query, signal: either.signal, isCloud, ...beside }, args);
    result = answerResult(answer);
    body = answer.body;
  } catch (error) {
    result = errorResult(ended?.aborted ? tenantClosed() : publicError(reporter, tool.name, error));
  } finally {
    either.release();
  }
  // Prefect may have refused the caller's credential during the call: then the answer must not reach the caller.
  if (ended?.aborted) return errorResult(tool.isActing ? closedDuringChange() : tenantClosed());
  const clean = redact ? withoutSecrets(result, redact, body) : result;
  return hiddenPath ? withoutPath(clean, hiddenPath) : clean;
}

/** A tenant was closed during a request, to make room or because Prefect refused the credential. */
export function tenantClosed(): AppError {
  return new AppError("unavailable", "This tenant was just closed.", { hint: "Try again.", retryAfterMs: 1_000 });
}

function closedDuringChange(): AppError {
  return new AppError("unavailable", "This tenant was closed during the call; what was confirmed may have been sent.", {
    hint: "Read the objects before another call; `prefect-mcp-bun audit-log` says what was sent.",
  });
}

/** Aborts with the first of the two. `release` removes the listeners, because the signal of a tenant outlives the call. */
function eitherSignal(one: AbortSignal, other: AbortSignal): { signal: AbortSignal; release: () => void } {
  const stop = new AbortController();
  const abort = () => stop.abort();
  if (one.aborted || other.aborted) abort();
  const both = [one, other];
  for (const signal of both) signal.addEventListener("abort", abort, { once: true });
  return {
    signal: stop.signal,
    release: () => {
      for (const signal of both) signal.removeEventListener("abort", abort);
    },
  };
}

/**
 * Rows are redacted before they are recorded, live answers when they are received. This also covers records that were written before a
 * credential was configured, and secrets that a tool assembles from harmless parts.
 */
function withoutSecrets(result: CallResult, redact: Redact, body: string | undefined): CallResult {
  return {
    ...result,
    content: result.content.map((block) => ({ ...block, text: redact.answerText(block.text, body) })),
    structuredContent: redact.answer(result.structuredContent),
  };
}

/** Removes the folder, keeps the file names. The text states all that the structured content states, so checking the text is enough. */
function withoutPath(result: CallResult, path: string): CallResult {
  if (!result.content.some((block) => block.text.includes(path))) return result;
  const hide = (text: string) => text.replaceAll(`${path}/`, "").replaceAll(path, "(data folder)");
  const walk = (value: unknown): unknown => {
    if (typeof value === "string") return hide(value);
    if (Array.isArray(value)) return value.map(walk);
    if (!isJsonObject(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, walk(field)]));
  };
  return {
    ...result,
    content: result.content.map((block) => ({ ...block, text: hide(block.text) })),
    structuredContent: walk(result.structuredContent) as CallResult["structuredContent"],
  };
}

/**
 * The error as the client may see it. An unexpected error can contain anything (a path, an SQL statement): the client gets a reference to
 * the log line instead. Errors of the settings name files of the operator.
 */
export function publicError(tenant: Pick<Tenant, "logger" | "hidesSettings">, where: string, error: unknown): AppError {
  const known = toAppError(error);
  if (known.code === "invalid_config" && tenant.hidesSettings) {
    tenant.logger.warn("the settings are invalid", { where, error: known.message });
    return new AppError("invalid_config", "The settings of this server are invalid; its log has the details.", {
      hint: "Its operator can correct them. To ask another Prefect, send X-Prefect-Api-Url with credentials for it.",
    });
  }
  if (known.code !== "internal") return known;
  const reference = crypto.randomUUID().slice(0, 8);
  const original = known.cause instanceof Error ? known.cause : known;
  tenant.logger.error("internal error", { where, reference, error: original.message, stack: original.stack });
  return new AppError("internal", "An internal error happened; it is not caused by the arguments.", {
    hint: sentence`The log on stderr has the details under reference ${asName(reference)}.`,
  });
}
