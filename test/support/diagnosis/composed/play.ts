/** Composed situations: each blocker, asked in every scope, beside nothing, one louder problem, ten others, or deployments of the same name. */
import { diagnoseTool } from "../../../../src/tools/runs/diagnose.ts";
import { aState, at } from "../../builders.ts";
import { openToolHarness, type ToolHarness } from "../../tool-harness.ts";
import { type Composed, type Oracle, SCOPES, type Scope } from "./blocker.ts";
import { BLOCKERS } from "./blockers.ts";
import { NOW_S, World } from "./world.ts";

const NOISES = ["nothing", "one louder", "ten others", "same names"] as const;
type Noise = (typeof NOISES)[number];

export interface Situation {
  /** The cause, without states and changes. */
  readonly kind: string;
  readonly blocker: string;
  readonly scope: Scope;
  readonly noise: Noise;
}

export interface Played extends Situation {
  /** What is wrong with the answer; empty when it is right. */
  readonly faults: readonly string[];
  readonly requests: number;
  readonly tokens: number;
}

export function situations(): Situation[] {
  return [...BLOCKERS].flatMap(([blocker, compose]) => {
    const scopes = scopesOf(compose(new World()));
    const kind = blocker.split(",")[0] ?? blocker;
    return scopes.flatMap((scope) => NOISES.map((noise) => ({ kind, blocker, scope, noise })));
  });
}

export function scopesOf({ run, automation, onlyIn = SCOPES, notIn = [] }: Composed): Scope[] {
  return SCOPES.filter((scope) => onlyIn.includes(scope) && !notIn.includes(scope)).filter((scope) =>
    scope === "flow_run" ? run !== null : scope === "automation" ? automation !== undefined : true,
  );
}

export const MAX_TOKENS = 1_500;
const MAX_REQUESTS = 3;

export async function play(situation: Situation): Promise<Played> {
  await using harness = await openToolHarness();
  const world = new World();
  const composed = BLOCKERS.get(situation.blocker)?.(world);
  if (!composed) throw new Error(`no blocker ${situation.blocker}`);
  addNoise(world, situation.noise);
  world.fill(harness);
  harness.fake.takeRequests();
  const asked = argsFor(situation.scope, composed);
  const first = await harness.call(diagnoseTool, asked);
  const requests = harness.fake.takeRequests().length;
  const tokens = Math.max(first.tokens.text, first.tokens.structured);
  const isCrowded =
    situation.scope === "workspace" &&
    (composed.isBeside === true || (situation.noise !== "nothing" && situation.noise !== "same names"));
  const causes = isCrowded ? await allCauses(harness, asked) : first.structured.causes.slice(0, 1);
  const faults = [
    ...(first.structured.verdict === "problem" ? [] : [`verdict ${first.structured.verdict}`]),
    ...bestFaults(causes, composed.oracle),
    ...(requests > MAX_REQUESTS ? [`${requests} requests`] : []),
    ...(tokens > MAX_TOKENS ? [`${tokens} tokens`] : []),
  ];
  return { ...situation, faults, requests, tokens };
}

function argsFor(scope: Scope, { place, run, automation }: Composed): Record<string, string> {
  if (scope === "flow_run") return { flow_run: run?.id ?? "" };
  if (scope === "deployment") return { deployment: `${place.flow.name}/${place.deployment.name}` };
  if (scope === "flow") return { flow: place.flow.name };
  if (scope === "work_pool") return { work_pool: place.pool.name };
  if (scope === "automation") return { automation: automation ?? "" };
  return {};
}

export interface Cause {
  readonly summary: string;
  readonly fix: string;
}

async function allCauses(harness: ToolHarness, asked: Record<string, string>): Promise<Cause[]> {
  const { structured } = await harness.call(diagnoseTool, { ...asked, limit: 50 });
  return structured.causes;
}

/** Faults of the cause that has the fewest. */
export function bestFaults(causes: readonly Cause[], oracle: Oracle): string[] {
  const all = causes.map((cause) => faultsOf(cause, oracle)).toSorted((a, b) => a.length - b.length);
  return all[0] ?? ["no cause"];
}

function faultsOf(cause: Cause, { names, leaf, fix }: Oracle): string[] {
  const all = JSON.stringify(cause);
  const has = (text: string, part: string | RegExp) =>
    typeof part === "string" ? text.includes(part) : part.test(text);
  return [
    ...names.filter((part) => !has(all, part)).map((part) => `lacks ${part}`),
    ...leaf.filter((part) => !has(cause.summary, part)).map((part) => `first sentence lacks ${part}: ${cause.summary}`),
    ...(fix !== undefined && !has(cause.fix, fix) ? [`fix lacks ${fix}: ${cause.fix}`] : []),
  ];
}

function addNoise(world: World, noise: Noise): void {
  if (noise === "one louder") addFailures(world, "loud", 12);
  if (noise === "ten others") for (let n = 0; n < 10; n++) addFailures(world, `noise${"abcdefghij"[n]}`, 2);
  if (noise !== "same names") return;
  for (const flow of ["alpha", "beta", "gamma", "delta"]) {
    const place = world.place(flow, "prod");
    world.usual(place);
    world.run(place, {
      name: `fine-${flow}`,
      start_time: at(NOW_S - 500),
      end_time: at(NOW_S - 470),
      total_run_time: 30,
    });
  }
}

function addFailures(world: World, flow: string, count: number): void {
  const place = world.place(flow, `${flow}-deployment`);
  const message = `Flow run encountered an exception: OSError: the disk of ${flow} is full`;
  for (let n = 0; n < count; n++)
    world.run(place, {
      name: `${flow}-bad-${n}`,
      state_type: "FAILED",
      start_time: at(NOW_S - 900 + n),
      end_time: at(NOW_S - 800 + n),
      state: aState({ type: "FAILED", message, timestamp: at(NOW_S - 800 + n) }),
    });
}
