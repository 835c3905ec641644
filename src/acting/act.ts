/**
 * The one way to change something in Prefect: preview, confirmation, sending, watching, each noted in the audit log. Without a valid
 * confirmation of exactly this plan nothing is sent.
 */
import { AppError, toAppError } from "../errors.ts";
import { type Sentence, sentence } from "../lib/shown-text.ts";
import type { LocalUs } from "../lib/time.ts";
import { type ActingToolName, type Permission, VERBS } from "../model/verbs.ts";
import type { QueryContext } from "../queries/source/context.ts";
import { openLive } from "../queries/source/live.ts";
import { serverNowUs } from "../queries/source/server-time.ts";
import { type Acting, requireActing, requirePermission } from "./access.ts";
import { digestOf, newChangeId, type Proposal } from "./confirmations.ts";
import { type SettledStep, watchEffect } from "./effect.ts";
import type { ChangePlan, PlanMaker, Seed } from "./plan.ts";
import { sendPlan } from "./send.ts";

export interface ChangeCall {
  readonly tool: ActingToolName;
  readonly verb: string;
  /** The arguments that decide what is done. A confirmation counts only for the same ones, of the same caller. */
  readonly args: unknown;
  /** The token that confirms, from an argument or from the user's answer. */
  readonly token: string | null;
  /** The user was asked and did not agree. */
  readonly isDeclined: boolean;
  readonly waitMs: number;
  readonly signal: AbortSignal;
  /** Who called over HTTP; null elsewhere. */
  readonly callerId: string | null;
  readonly plan: PlanMaker;
  progress(done: number, total: number | null, message: Sentence): void;
}

export type ChangeResult =
  | {
      readonly kind: "preview";
      readonly plan: ChangePlan;
      /** Null: the user has declined, so there is nothing to confirm. */
      readonly token: string | null;
      /** Why there is a preview although a confirmation was given. */
      readonly reason: Sentence | null;
    }
  | {
      readonly kind: "sent";
      readonly plan: ChangePlan;
      readonly steps: readonly SettledStep[];
      readonly waitedMs: number;
    };

/** Throws AppError, and then nothing was sent. */
export async function makeChange(ctx: QueryContext, change: ChangeCall): Promise<ChangeResult> {
  const acting = requireActing(ctx);
  const log = noteTaker(ctx, acting, change);
  let proposal: Proposal | null = null;
  try {
    requirePermission(acting, permissionOf(change));
    if (change.token === null) return await preview(ctx, acting, change, log, null);
    proposal = checkedProposal(acting, change, change.token);
    if (change.isDeclined) {
      acting.confirmations.use(proposal);
      log("refusal", proposal.seed, sentence`declined by the user`, {});
      const plan = await makePlan(ctx, change, proposal.seed);
      return { kind: "preview", plan, token: null, reason: sentence`It was not confirmed.` };
    }
    const plan = await makePlan(ctx, change, proposal.seed);
    if (digestOfPlan(plan) !== proposal.plan) {
      acting.confirmations.use(proposal);
      log("refusal", proposal.seed, sentence`changed since the preview`, {});
      return await preview(ctx, acting, change, log, sentence`It has changed since the preview that was confirmed.`);
    }
    // Synchronous from here to the first request: of two calls with one token only one gets further.
    if (!acting.confirmations.use(proposal)) throw usedError();
    log("attempt", proposal.seed, plan.summary, shownPlan(plan));
    return await carryOut(ctx, acting, change, plan, proposal.seed, log);
  } catch (error) {
    const { message, code } = toAppError(error);
    noteRefusal(log, proposal?.seed ?? null, message, code);
    throw error;
  }
}

async function carryOut(
  ctx: QueryContext,
  acting: Acting,
  change: ChangeCall,
  plan: ChangePlan,
  seed: Seed,
  log: NoteTaker,
): Promise<ChangeResult> {
  const { signal, waitMs } = change;
  const startMs = ctx.clock.steadyMs();
  const sentUs = ctx.clock.nowUs();
  const sent = await sendPlan(plan, { writer: acting.writer(), signal, progress: change.progress });
  const total = Math.ceil(waitMs / 1000);
  const waited = () => Math.round((ctx.clock.steadyMs() - startMs) / 1000);
  const steps = await watchEffect(ctx, plan, sent, {
    sentUs,
    waitMs,
    signal,
    progress: (message) => change.progress(plan.steps.length + waited(), plan.steps.length + total, message),
  });
  const outcomes = steps.map(({ outcome, reason, effect }) => ({ outcome, reason, effect }));
  // What was sent cannot be taken back: an answer that says so is worth more than the note.
  try {
    log("result", seed, plan.summary, { outcomes });
  } catch {}
  return { kind: "sent", plan, steps, waitedMs: ctx.clock.steadyMs() - startMs };
}

async function preview(
  ctx: QueryContext,
  acting: Acting,
  change: ChangeCall,
  log: NoteTaker,
  reason: Sentence | null,
): Promise<ChangeResult> {
  const seed: Seed = { id: newChangeId(), nowUs: serverNowUs(ctx) };
  const plan = await makePlan(ctx, change, seed);
  const proposal = { seed, call: digestOfCall(change), plan: digestOfPlan(plan) };
  const token = acting.confirmations.seal(acting.tenant, proposal);
  log("preview", seed, plan.summary, shownPlan(plan));
  return { kind: "preview", plan, token, reason };
}

function checkedProposal(acting: Acting, change: ChangeCall, token: string): Proposal {
  const proposal = acting.confirmations.open(acting.tenant, token);
  if (proposal.call === digestOfCall(change)) return proposal;
  throw new AppError("invalid_input", "This confirmation was given for another call.", {
    hint: "Repeat the call exactly as it was previewed, or call without confirm for a new preview.",
  });
}

async function makePlan(ctx: QueryContext, change: ChangeCall, seed: Seed): Promise<ChangePlan> {
  return change.plan({ query: ctx, live: openLive(ctx), seed });
}

function permissionOf({ tool, verb }: ChangeCall): Permission {
  if (!VERBS[tool].some((one) => one === verb)) throw new AppError("internal", "an unknown verb");
  return `${tool}.${verb}`;
}

/** With who was shown the preview. An address over HTTP says not who calls, and may be another one for the next call. */
function digestOfCall({ tool, verb, args, callerId }: ChangeCall): string {
  return digestOf([tool, verb, callerId?.startsWith("ip:") === true ? null : callerId, sorted(args)]);
}

/** Without the states that are shown: a deployment becomes NOT_READY by itself. What matters for the change is in `seen`. */
function digestOfPlan({ targets, steps, seen }: ChangePlan): string {
  const named = targets.map(({ kind, id, name }) => [kind, id, name]);
  return digestOf(sorted([named, steps.map(({ request, target }) => [request, target]), seen]));
}

/** The same value with the members of objects in the order of their names. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null || "toJSON" in value) return value;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  return members.map(([name, member]) => [name, sorted(member)]);
}

function shownPlan({ targets, steps }: ChangePlan): object {
  return { targets, requests: steps.map(({ request }) => request) };
}

function usedError(): AppError {
  return new AppError("invalid_input", "This confirmation was used before; it counts once.", {
    hint: "Call again without confirm for a new preview.",
  });
}

type NoteTaker = (
  phase: "preview" | "attempt" | "result" | "refusal",
  seed: Pick<Seed, "id"> | null,
  summary: string,
  detail: object,
) => void;

function noteTaker(ctx: QueryContext, acting: Acting, { tool, verb, callerId }: ChangeCall): NoteTaker {
  return (phase, seed, summary, detail) => {
    const atUs: LocalUs = ctx.clock.nowUs();
    acting.note({ atUs, callerId, tool, verb, phase, change: seed?.id ?? "", summary, detail });
  };
}

/** The error of the call matters more than one of the log. */
function noteRefusal(log: NoteTaker, seed: Seed | null, message: string, code: string): void {
  try {
    log("refusal", seed, message, { code });
  } catch {}
}
