/** The parts of a tool. */

import { z } from "zod";
import type { Sentence } from "../../lib/shown-text.ts";
import type { Kind } from "../../model/kinds.ts";
import type { WorkspaceListing } from "../../model/workspaces.ts";
import type { QueryContext } from "../../queries/source/context.ts";
import type { AnswerText } from "../answer/fenced.ts";

export interface ToolContext {
  readonly query: QueryContext;
  /** Aborts when the client cancels. */
  readonly signal: AbortSignal;
  /** Progress notice to the client; `total` null when unknown. */
  progress(done: number, total: number | null, message: Sentence): void;
  readonly isCloud: boolean;
  /** Who called over HTTP, as a label that is no secret. Absent elsewhere. */
  readonly callerId?: string | undefined;
  /** How the client can ask its user to confirm a change. Absent: it cannot. */
  readonly confirmation?: Confirmation | undefined;
  /** The workspaces that the caller can name. Absent: only the one of `query`. */
  readonly workspaces?: { list(signal: AbortSignal): Promise<WorkspaceListing> };
  /** The share of the budget of tokens that the answer may take, because others stand beside it. Absent: all of it. */
  readonly share?: number;
  /** Of a past moment: kinds of which nothing is known from then. */
  readonly missing?: ReadonlySet<Kind>;
}

/** Asking the user through the client. */
export interface Confirmation {
  /** What the client brings back from asking. Null: the user was not asked yet. */
  readonly answer: { readonly token: string; readonly isAccepted: boolean } | null;
}

export interface ToolAnswer {
  readonly structured: Readonly<Record<string, unknown>>;
  /** The same facts for clients that show only text. */
  readonly text: AnswerText;
  /** Names of members that hold text written by flows or users. */
  readonly untrusted?: readonly string[];
  /** Whole lines of `text` that can be the same in several answers. */
  readonly body?: string;
  /** The user is to be asked with the text of this answer; the token comes back with what the user says. */
  readonly ask?: { readonly token: string };
}

export interface ToolAnnotations {
  readonly readOnlyHint: boolean;
  readonly destructiveHint: boolean;
  readonly idempotentHint: boolean;
  readonly openWorldHint: boolean;
}

/** For tools that read one Prefect workspace and no other host. */
export const READ_ONLY: ToolAnnotations = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
};

/** A tool as `tools/list` shows it. */
export interface ToolListing {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly inputSchema: JsonSchema;
  readonly outputSchema: JsonSchema;
  readonly annotations: ToolAnnotations;
}
export type JsonSchema = { readonly [key: string]: unknown };

export interface ToolDefinition {
  readonly name: string;
  readonly title: string;
  /** At most 2,000 characters, the most important sentence first. */
  readonly description: string;
  readonly input: z.ZodObject;
  /** No member is required, so that an error is valid too. */
  readonly output: z.ZodObject;
  readonly annotations: ToolAnnotations;
  /** Listed only where the API is Prefect Cloud. */
  readonly isCloudOnly: boolean;
  /** It waits for changes, so it must see what is written to the record during the call. */
  readonly isWatching: boolean;
  /** It describes the record itself, so it reads the record also while another server answers. */
  readonly isAboutRecord: boolean;
  /** It changes something in Prefect, after a confirmation. */
  readonly isActing: boolean;
  /** `workspace: "all"` asks every workspace. */
  readonly takesAll: boolean;
  /** Other names that are accepted: given name → argument. */
  readonly aliases: Readonly<Record<string, string>>;
  /** Where it is known without the schemas. */
  readonly listing?: ToolListing;
  run(ctx: ToolContext, input: Readonly<Record<string, unknown>>): Promise<ToolAnswer>;
}

export interface ToolOptions<Input extends z.ZodObject> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly input: Input;
  readonly output: z.ZodObject;
  readonly annotations?: ToolAnnotations;
  readonly isCloudOnly?: boolean;
  readonly isWatching?: boolean;
  readonly isAboutRecord?: boolean;
  readonly isActing?: boolean;
  readonly takesAll?: boolean;
  readonly aliases?: Readonly<Record<string, string>>;
  run(ctx: ToolContext, input: z.infer<Input>): Promise<ToolAnswer>;
}

/**
 * The argument of every tool that names a workspace. `mcp/guard.ts` runs the call there; the tool itself does not read it. The official
 * server calls it `workspace_id`.
 */
const workspaceArg = z.string().optional();

export function defineTool<Input extends z.ZodObject>(options: ToolOptions<Input>): ToolDefinition {
  return {
    annotations: READ_ONLY,
    isCloudOnly: false,
    isWatching: false,
    isAboutRecord: false,
    isActing: false,
    takesAll: false,
    ...options,
    input: options.input.extend({ workspace: workspaceArg }),
    aliases: { ...options.aliases, workspace_id: "workspace" },
    run: (ctx, input) => options.run(ctx, input as z.infer<Input>),
  };
}
