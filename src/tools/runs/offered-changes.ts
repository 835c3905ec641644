/**
 * The calls that do what a fix says. A fix names commands of Prefect's CLI that can be run as they are; where the operator allows the same
 * change to tools, the answer offers the call beside the command.
 */
import { isJsonObject, parseJson } from "../../lib/exact-json.ts";
import { own } from "../../lib/shown-text.ts";
import type { ActingToolName, Permission } from "../../model/verbs.ts";
import type { NextCall } from "../../queries/diagnosis/findings/types.ts";

interface Offer {
  readonly tool: ActingToolName;
  readonly verb: string;
  readonly args: Readonly<Record<string, unknown>>;
}

const COMMAND =
  /prefect ((?:api|automation|concurrency-limit|deployment|flow-run|global-concurrency-limit|work-pool|work-queue) .*)/;
/** A word of a shell: plain, or in single quotes, in which a quote is written as '\''. */
const WORD = /'((?:[^']|'\\'')*)'|([A-Za-z0-9_@%+=:,./-]+)/gy;

/** The allowed call for the first command in the text; none where it names no command that a tool can do. */
export function offeredChanges(fix: string, allowed: ReadonlySet<Permission>): NextCall[] {
  if (allowed.size === 0) return [];
  const offer = offerOf(wordsOf(COMMAND.exec(fix)?.[1] ?? ""));
  if (offer === null || !allowed.has(`${offer.tool}.${offer.verb}`)) return [];
  return [{ tool: offer.tool, args: offer.args, why: own("what the fix says; it previews first") }];
}

function wordsOf(command: string): string[] {
  const words: string[] = [];
  WORD.lastIndex = 0;
  for (;;) {
    const match = WORD.exec(command);
    if (match === null) return words;
    words.push(match[1] === undefined ? (match[2] ?? "").replace(/[.,:]$/, "") : match[1].replaceAll("'\\''", "'"));
    if (command[WORD.lastIndex] !== " ") return words;
    WORD.lastIndex += 1;
  }
}

function offerOf([noun, verb, ...rest]: readonly string[]): Offer | null {
  const [first = "", second = ""] = rest;
  switch (`${noun} ${verb}`) {
    case "api POST":
      return offerOfRoute(first, option(rest, "--data"));
    case "flow-run retry":
    case "flow-run cancel":
      return change("change_flow_run", verb ?? "", { flow_run: first });
    case "deployment run":
      return { tool: "run_deployment", verb: "run", args: { deployment: option(rest, "--id") ?? first } };
    case "deployment schedule":
      return first === "resume" || first === "pause"
        ? change("change_schedule", first, { deployment: second, schedule: rest[2] })
        : null;
    case "work-pool resume":
      return change("change_work_pool", "resume", { work_pool: first });
    case "work-queue resume":
      return change("change_work_pool", "resume", { work_queue: first, work_pool: option(rest, "--pool") });
    case "work-pool set-concurrency-limit":
      return change("change_work_pool", "limit", { work_pool: first, limit: Number(second) });
    case "work-queue set-concurrency-limit": {
      const queue = { work_queue: first, work_pool: option(rest, "--pool") };
      return change("change_work_pool", "limit", { ...queue, limit: Number(second) });
    }
    case "concurrency-limit reset":
      return change("change_concurrency_limit", "free", { name: first });
    case "concurrency-limit create":
      return change("change_concurrency_limit", "limit", { name: first, limit: Number(second) });
    case "global-concurrency-limit update": {
      const limit = option(rest, "--limit");
      if (limit !== undefined)
        return change("change_concurrency_limit", "limit", { name: first, limit: Number(limit) });
      return rest.includes("--active-slots") ? change("change_concurrency_limit", "free", { name: first }) : null;
    }
    case "automation resume":
      return change("change_automation", "enable", { automation: option(rest, "--id") ?? first });
    default:
      return null;
  }
}

function offerOfRoute(path: string, data: string | undefined): Offer | null {
  const [, kind, id = "", action] = /^\/(flow_runs|deployments)\/([^/]+)\/(\w+)$/.exec(path) ?? [];
  const body = data === undefined ? {} : parseJson(data);
  if (!isJsonObject(body)) return null;
  if (kind === "deployments")
    return action === "resume_deployment" ? change("change_schedule", "resume", { deployment: id }) : null;
  if (action === "resume") {
    const { run_input } = body;
    return change("change_flow_run", "resume", { flow_run: id, run_input });
  }
  if (action !== "set_state" || !isJsonObject(body.state)) return null;
  const { state, force } = body;
  return change("change_flow_run", "set_state", { flow_run: id, to: state.type, force });
}

function change(tool: ActingToolName, action: string, args: Readonly<Record<string, unknown>>): Offer {
  const given = Object.entries(args).filter(([, value]) => value !== undefined);
  return { tool, verb: action, args: { action, ...Object.fromEntries(given) } };
}

function option(words: readonly string[], name: string): string | undefined {
  const at = words.indexOf(name);
  return at < 0 ? undefined : words[at + 1];
}
