/** Makes the tools that change something: their arguments, the shared contract (preview, confirmation, effect), their annotations. */
import { z } from "zod";
import { requireActing } from "../../acting/access.ts";
import { makeChange } from "../../acting/act.ts";
import type { ChangePlan, PlanContext } from "../../acting/plan.ts";
import { AppError } from "../../errors.ts";
import { quote, sentence } from "../../lib/shown-text.ts";
import { type ActingToolName, type Permission, VERBS } from "../../model/verbs.ts";
import type { PrefectWriter } from "../../prefect/write-api.ts";
import { defineTool, type ToolDefinition } from "../definition/define-tool.ts";
import { durationArg, metaOutput, textArg } from "../definition/shared-schemas.ts";
import { previewAnswer, sentAnswer } from "./change-answer.ts";

const DEFAULT_WAIT_MS = 10_000;
const MAX_WAIT_MS = 600_000;

export interface ActingToolOptions<Shape extends z.ZodRawShape> {
  readonly name: ActingToolName;
  readonly title: string;
  readonly description: string;
  /** Arguments, without `confirm` and `wait`. */
  readonly shape: Shape;
  /** Changes or removes something that exists. */
  readonly isDestructive: boolean;
  /** A second call changes nothing further. */
  readonly isIdempotent: boolean;
  /** It lets code of the user run. */
  readonly isOpenWorld: boolean;
  readonly aliases: Readonly<Record<string, string>>;
  verb(args: z.infer<z.ZodObject<Shape>>): string;
  plan(ctx: PlanContext, args: z.infer<z.ZodObject<Shape>>, writer: PrefectWriter): Promise<ChangePlan>;
}

const output = z.looseObject({
  preview: z.looseObject({}).optional(),
  results: z.array(z.looseObject({})).optional(),
  ...metaOutput,
});

/** The verbs of a tool that are allowed, as the values of its argument `action`. */
export function allowedVerbs<Name extends ActingToolName>(
  name: Name,
  allowed: ReadonlySet<Permission>,
): readonly [(typeof VERBS)[Name][number], ...(typeof VERBS)[Name][number][]] {
  const verbs: readonly (typeof VERBS)[Name][number][] = VERBS[name];
  const [first, ...rest] = verbs.filter((verb) => allowed.has(`${name}.${verb}`));
  if (first === undefined) throw new AppError("internal", "a tool without allowed verbs");
  return [first, ...rest];
}

export function actingTool<Shape extends z.ZodRawShape>(options: ActingToolOptions<Shape>): ToolDefinition {
  const { name, title, description, isDestructive, isIdempotent, isOpenWorld, aliases } = options;
  const input = z.strictObject({
    ...options.shape,
    wait: textArg.describe("for the effect, default 10s"),
    confirm: textArg.describe("the preview's token"),
  });
  return defineTool({
    name,
    title,
    description: `${description} Without confirm it only previews: show the user the preview, then repeat the call with its confirm.`,
    input,
    output,
    annotations: {
      readOnlyHint: false,
      destructiveHint: isDestructive,
      idempotentHint: isIdempotent,
      openWorldHint: isOpenWorld,
    },
    aliases: { confirmation: "confirm", confirm_token: "confirm", timeout: "wait", ...aliases },
    // It sees what the record gains during the call: the events of its own change.
    isWatching: true,
    isActing: true,
    async run({ query, signal, progress, confirmation, callerId }, given) {
      const { wait, confirm, ...rest } = given as { wait?: string; confirm?: string };
      const args = rest as z.infer<z.ZodObject<Shape>>;
      const answer = confirmation?.answer ?? null;
      const verb = options.verb(args);
      const result = await makeChange(query, {
        tool: name,
        verb,
        args,
        token: answer?.token ?? confirm ?? null,
        isDeclined: answer !== null && !answer.isAccepted,
        waitMs: readWait(wait),
        signal,
        callerId: callerId ?? null,
        plan: (ctx) => options.plan(ctx, args, requireActing(query).writer()),
        progress,
      });
      if (result.kind === "sent") return sentAnswer(query, { tool: name, verb }, result);
      const mayAsk = confirmation !== undefined && result.token !== null;
      const shown = previewAnswer(query, { tool: name, verb }, result, mayAsk);
      return mayAsk && result.token !== null ? { ...shown, ask: { token: result.token } } : shown;
    },
  });
}

function readWait(text: string | undefined): number {
  if (text === undefined) return DEFAULT_WAIT_MS;
  const us = durationArg("wait", text);
  if (us !== undefined && us >= 0 && us <= MAX_WAIT_MS * 1000) return us / 1000;
  throw new AppError("invalid_input", sentence`argument "wait": ${quote(text)} is not between 0s and 10m`, {
    hint: 'Such as "30s"; 0 does not wait. wait_for waits further.',
  });
}
