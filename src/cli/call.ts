import type { App } from "../app/app.ts";
import { recordFileOf } from "../app/connection.ts";
import { settingsFromFiles } from "../app/settings-source.ts";
import { VERSION } from "../app/version.ts";
import { openWorkspaces } from "../app/workspaces/open-workspaces.ts";
import type { ResolvedSettings } from "../config/settings.ts";
import { AppError } from "../errors.ts";
import { systemClock } from "../lib/clock.ts";
import { isJsonObject, parseJson } from "../lib/exact-json.ts";
import {
  asName,
  asPlace,
  type Line,
  lineOf,
  own,
  quote,
  type Sentence,
  sentence,
  verbatim,
} from "../lib/shown-text.ts";
import type { CallResult } from "../mcp/call-result.ts";
import { callTool } from "../mcp/guard.ts";
import type { Tenant } from "../mcp/tenant.ts";
import { type CallLimits, withLimits } from "../queries/source/context.ts";
import type { ToolDefinition } from "../tools/definition/define-tool.ts";
import { asksDocsHost, offeredTools } from "../tools/index.ts";
import type { ViewCall } from "../views/calls.ts";
import type { AnsweredCall } from "../views/page.ts";
import { findTool } from "./arguments/find-tool.ts";
import type { CommandContext } from "./command.ts";
import { writeProblem } from "./doctor/files.ts";
import { askYes } from "./terminal/confirm.ts";
import { isTty } from "./terminal/is-tty.ts";

/** Longest wait at the end of the command until rows of a live answer are stored. */
const STOP_WITHIN_MS = 5000;

/**
 * One tool call through the code that serves MCP. Every tool can be called, offered or not, except denied ones. A docs
 * tool that the settings do not offer sends no request to the docs host.
 */
export async function runCall(ctx: CommandContext): Promise<number> {
  const { invocation, out, logger, signal } = ctx;
  const [name = ""] = invocation.words;
  const tool = findTool(name);
  const page = await pageOf(ctx, tool);
  const settings = settingsFromFiles(invocation.settings, systemClock);
  const denied = denial(tool, settings.current());
  if (denied) throw denied;
  await using app = openWorkspaces({
    settings,
    entry: ctx.entry,
    version: VERSION,
    clock: systemClock,
    logger,
    stopWithinMs: STOP_WITHIN_MS,
  });
  const args = withWorkspaceFlag(invocation.values);
  const isJson = invocation.switches.has("json");
  const progress = (done: number, total: number | null, message: Sentence) => {
    if (!isJson && out.isTerminal)
      out.note(sentence`${message} (${done}${total === null ? "" : sentence` of ${total}`})`);
  };
  const tenant = restricted(app, tool, (text) => out.note(text));
  const handle = { signal, progress, ...(tool.isActing ? { confirmation: { answer: null } } : {}) };
  let result = await callTool(tenant, tool, args, handle);
  if (result.ask) {
    const isAccepted = await confirms(ctx, result);
    if (isAccepted !== null) {
      const confirmation = { answer: { token: result.ask.token, isAccepted } };
      result = await callTool(tenant, tool, args, { ...handle, confirmation });
    }
  }
  if (page !== null && !result.isError) {
    const args = objectOf(invocation.values.args);
    await page.write({ tool: tool.name, args, structured: result.structuredContent }, async (call) => {
      const { structuredContent } = await callTool(tenant, findTool(call.tool), call.args, handle);
      return structuredContent;
    });
    out.note(sentence`The page is in ${asPlace(page.file)}.`);
  }
  if (isJson) out.json(result.structuredContent);
  else {
    if (out.drawsPictures && !result.isError) {
      const { answerPicture } = await import("./terminal/answer-picture.ts");
      const ask = async (call: ViewCall) => {
        const asked = findTool(call.tool);
        if (denial(asked, settings.current())) return null;
        const { isError, structuredContent } = await callTool(tenant, asked, call.args, handle);
        return isError ? null : structuredContent;
      };
      out.paint(
        await answerPicture(
          { tool: tool.name, args: objectOf(invocation.values.args), structured: result.structuredContent },
          ask,
          out,
        ),
      );
    }
    out.lines(textOf(result));
  }
  return result.isError ? 1 : 0;
}

/** Shows the preview of a change and asks, or takes `--yes`. Null where nobody can be asked: then the preview is all. */
async function confirms({ invocation, out, signal }: CommandContext, preview: CallResult): Promise<boolean | null> {
  if (invocation.switches.has("yes")) return true;
  if (invocation.switches.has("json") || !isTty(0)) {
    out.note(own("This is a preview; nothing was sent. Add --yes to do it."));
    return null;
  }
  for (const line of textOf(preview)) out.note(line);
  return askYes(lineOf`Send this to Prefect?`, out, signal);
}

/** The tool's arguments with the workspace of the flag. A text that is no object is refused where the arguments are read. */
function withWorkspaceFlag({ args, workspace }: Readonly<Record<string, string>>): unknown {
  if (workspace === undefined) return args;
  const given = args === undefined || args.trim() === "" ? {} : objectIn(args);
  return given === null ? args : { ...given, workspace };
}

function objectIn(text: string): Record<string, unknown> | null {
  try {
    const value = parseJson(text);
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

function denial({ name }: ToolDefinition, { settings, values }: ResolvedSettings): AppError | null {
  if (!settings.tools.deny.includes(name)) return null;
  const origin = values.find((value) => value.name === "PREFECT_MCP_TOOLS_DENY")?.origin;
  return new AppError(
    "invalid_config",
    sentence`The tool ${quote(name)} is denied by PREFECT_MCP_TOOLS_DENY (${asPlace(String(origin))}).`,
    {
      hint: "Remove it from that list to call it.",
    },
  );
}

/** The application without what this call may not or cannot do; a note on stderr names each restriction. */
function restricted(app: App, tool: ToolDefinition, note: (text: Sentence) => void): Tenant {
  const { settings } = app.settings;
  const limits: { -readonly [K in keyof CallLimits]: CallLimits[K] } = {};
  if (asksDocsHost(tool) && !offeredTools(settings).includes(tool)) {
    limits.docsUrl = null;
    note(
      sentence`Nothing is sent to ${asPlace(hostOf(settings.docsUrl))}: PREFECT_MCP_DOCS is off. With PREFECT_MCP_DOCS=on ${asName(tool.name)} asks there.`,
    );
  }
  const file = settings.apiUrl === null ? null : recordFileOf(settings, settings.apiUrl);
  const problem = writeProblem(settings.dataDir, file);
  if (problem) {
    let isNoted = false;
    limits.saveLive = () => {
      if (!isNoted)
        note(
          sentence`warning: the answer is not recorded. ${problem.sentence}${problem.hint ? sentence` ${problem.ownHint ?? ""}` : ""}`,
        );
      isNoted = true;
    };
  }
  return {
    version: app.version,
    logger: app.logger,
    isCloud: app.isCloud,
    tools: () => app.tools(),
    query: () => withLimits(app.query(), limits),
    onToolsChanged: (notify) => app.onToolsChanged(notify),
    workspaces: app.workspaces,
    redact: app.redact ?? null,
  };
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}

/** Null without `--html`. */
async function pageOf({ invocation }: CommandContext, tool: ToolDefinition) {
  const { html: file } = invocation.values;
  if (file === undefined) return null;
  const { viewFor, writePage } = await import("./terminal/page-file.ts");
  const view = viewFor(tool.name);
  const write = (first: AnsweredCall, answer: (call: ViewCall) => Promise<AnsweredCall["structured"]>) =>
    writePage(file, view, first, answer);
  return { file, write };
}

/** The arguments as the page names them; the call has already refused what is no object. */
function objectOf(text: string | undefined): Readonly<Record<string, unknown>> {
  if (text === undefined) return {};
  try {
    return Object(parseJson(text));
  } catch {
    return {};
  }
}

function textOf({ content }: CallResult): Line[] {
  return content.flatMap((block) => verbatim(block.text));
}
