/** Calls that name a workspace, or all of them. Each runs as a call of that workspace's own tenant. */

import { AppError } from "../errors.ts";
import { isJsonObject } from "../lib/exact-json.ts";
import { withoutEndSlashes } from "../lib/http-url.ts";
import { asName, asNames, counted, quote, type Sentence, sentence } from "../lib/shown-text.ts";
import { DEFAULT_TOKENS, estimateJsonTokens, estimateTokens, MAX_TOKENS } from "../tools/answer/token-budget.ts";
import type { ToolDefinition } from "../tools/definition/define-tool.ts";
import { LONGEST_NAME } from "../tools/definition/suggestions.ts";
import { ALL_WORKSPACES, type WorkspaceCall, workspaceCallOf } from "../tools/definition/workspace-argument.ts";
import { type CallResult, errorResult } from "./call-result.ts";
import type { Tenant } from "./tenant.ts";

/** Runs the call in one tenant; `share`: of the budget of tokens. Never throws. */
type RunIn = (tenant: Tenant, args: unknown, share?: number) => Promise<CallResult>;

export interface WorkspaceRun {
  readonly tool: ToolDefinition;
  readonly signal: AbortSignal;
  readonly run: RunIn;
  /** The error as the client may see it. */
  shown(error: unknown): AppError;
}

/** Answers a call that names a workspace. Never throws. */
export async function callInWorkspace(tenant: Tenant, asked: WorkspaceCall, call: WorkspaceRun): Promise<CallResult> {
  try {
    const other = workspaceCallOf(asked.args);
    if (other !== null) {
      throw new AppError(
        "invalid_input",
        sentence`workspace and workspace_id name two workspaces: ${quote(asked.name, LONGEST_NAME)} and ${quote(other.name, LONGEST_NAME)}`,
        { hint: "Give one of them." },
      );
    }
    if (asked.name.toLowerCase() === ALL_WORKSPACES) return await callInAll(tenant, asked.args, call);
    return await callNamed(tenant, asked.name, asked.args, call);
  } catch (error) {
    return errorResult(call.shown(error));
  }
}

/** The answer with the name of its workspace. */
export function withWorkspace(result: CallResult, name: string): CallResult {
  return {
    ...result,
    content: result.content.map((block) => ({
      ...block,
      text: `${block.text}\n${sentence`workspace: ${asName(name)}`}`,
    })),
    structuredContent: { ...result.structuredContent, workspace: name },
  };
}

async function callNamed(
  tenant: Tenant,
  name: string,
  args: WorkspaceCall["args"],
  { signal, run }: WorkspaceRun,
  share?: number,
): Promise<CallResult> {
  if (!tenant.workspaces) {
    checkOnlyWorkspace(tenant, name);
    return run(tenant, args, share);
  }
  const found = await tenant.workspaces.find(name, signal);
  try {
    return withWorkspace(await run(found.tenant, args, share), found.name);
  } finally {
    found.release();
  }
}

/** Where there is one workspace, its API URL and the id in it are its names. Throws AppError `not_found`. */
function checkOnlyWorkspace(tenant: Tenant, name: string): void {
  const { instance } = tenant.query();
  const id = instance.split("/").at(-1) ?? "";
  if ([instance, id].includes(withoutEndSlashes(name))) return;
  throw new AppError("not_found", sentence`There is no workspace ${quote(name, LONGEST_NAME)}.`, {
    hint: sentence`The only workspace here is ${asName(instance)}; leave workspace out.`,
  });
}

/** The answer of one workspace among others. */
interface Part {
  readonly name: string;
  readonly result: CallResult;
}

/** Asks all workspaces at the same time. A failure of one is its part of the answer. */
async function callInAll(tenant: Tenant, args: WorkspaceCall["args"], call: WorkspaceRun): Promise<CallResult> {
  const { tool, signal } = call;
  if (!tool.takesAll) {
    throw new AppError("invalid_input", sentence`${asName(tool.name)} answers for one workspace, not for all`, {
      hint: "Name one workspace; list_workspaces lists them.",
    });
  }
  if (args.cursor !== undefined && args.cursor !== null && args.cursor !== "") {
    throw new AppError("invalid_input", "a cursor continues the answer of one workspace", {
      hint: "Give its name as workspace, together with its next_cursor.",
    });
  }
  if (!tenant.workspaces) return call.run(tenant, args);
  const { asked, left } = await tenant.workspaces.names(signal);
  const share = 1 / Math.max(1, asked.length);
  const parts = await Promise.all(
    asked.map(async (name): Promise<Part> => {
      try {
        return { name, result: await callNamed(tenant, name, args, call, share) };
      } catch (error) {
        return { name, result: withWorkspace(errorResult(call.shown(error)), name) };
      }
    }),
  );
  const isLong = args.limit !== undefined || args.detail === "full";
  return sideBySide(parts, left, isLong ? MAX_TOKENS : DEFAULT_TOKENS);
}

/** The parts that fit into the budget; of the others the answer says that they were left out. */
function sideBySide(parts: readonly Part[], left: readonly string[], budget: number): CallResult {
  const failed = parts.filter(({ result }) => result.isError);
  const hasFailed = parts.length > 0 && failed.length === parts.length;
  const notes: Sentence[] = [];
  let room = budget - 100;
  const shown: Part[] = [];
  const omitted: string[] = [];
  for (const part of parts) {
    const tokens = tokensOf(part.result);
    if (tokens <= room || shown.length === 0) shown.push(part);
    else omitted.push(part.name);
    if (shown.at(-1) === part) room -= tokens;
  }
  if (left.length > 0) {
    notes.push(
      sentence`Not asked: ${counted(left.length, "further workspace")}, ${asNames(left.slice(0, 20))}${left.length > 20 ? ", …" : ""}.`,
    );
  }
  if (omitted.length > 0) {
    notes.push(sentence`No room for the answers of ${asNames(omitted)}: ask them one at a time.`);
  }
  if (failed.length > 0)
    notes.push(
      sentence`${counted(failed.length, "workspace")} could not answer: ${asNames(failed.map(({ name }) => name))}.`,
    );
  const text = shown.map(({ name, result }) => {
    const body = result.content.map((block) => block.text).join("\n");
    return `== ${sentence`workspace ${asName(name)}`} ==\n${body}`;
  });
  const answers = shown.filter(({ result }) => !result.isError).map(({ result }) => result.structuredContent);
  const isComplete =
    left.length === 0 &&
    omitted.length === 0 &&
    failed.length === 0 &&
    answers.every(({ coverage }) => isJsonObject(coverage) && coverage.complete === true);
  const asOf = answers.flatMap(({ as_of }) => (typeof as_of === "string" ? [as_of] : [])).toSorted()[0];
  const sources = new Set(answers.map(({ source }) => source));
  const [source] = sources;
  const untrusted = [...new Set(shown.flatMap(({ result }) => untrustedOf(result)))];
  return {
    content: [{ type: "text", text: [...notes, ...text].join("\n") }],
    structuredContent: {
      workspaces: shown.map(({ result }) =>
        result.isError
          ? { error: result.structuredContent, workspace: result.structuredContent.workspace }
          : result.structuredContent,
      ),
      ...(sources.size === 0 ? {} : { source: sources.size === 1 ? source : "mixed" }),
      ...(asOf === undefined ? {} : { as_of: asOf }),
      coverage: { complete: isComplete, gaps: [], ...(notes.length === 0 ? {} : { notes }) },
      // The error that a client reads, where there is no answer.
      ...(hasFailed ? failed[0]?.result.structuredContent : {}),
    },
    ...(hasFailed ? { isError: true as const } : {}),
    ...(untrusted.length === 0 ? {} : { _meta: { [UNTRUSTED]: ["workspaces", ...untrusted] } }),
  };
}

const UNTRUSTED = "prefect-mcp-bun/untrusted";

function untrustedOf({ _meta }: CallResult): string[] {
  const names = _meta?.[UNTRUSTED];
  return Array.isArray(names) ? names.map(String) : [];
}

function tokensOf({ content, structuredContent }: CallResult): number {
  const text = content.reduce((sum, block) => sum + estimateTokens(block.text), 0);
  return Math.max(text, estimateJsonTokens(structuredContent));
}
