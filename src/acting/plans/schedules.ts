/** Pausing and resuming deployments and schedules. https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/api/deployments.py */
import { AppError } from "../../errors.ts";
import { asName, asNames, own, sentence } from "../../lib/shown-text.ts";
import { fullName } from "../../model/objects/full-name.ts";
import type { Deployment, DeploymentSchedule } from "../../model/objects.ts";
import { resolveName } from "../../queries/names/names.ts";
import type { LiveReader } from "../../queries/source/live.ts";
import type { ChangePlan, Observation, PlanContext, RecordedAs, Step, Target } from "../plan.ts";

export interface ScheduleChange {
  readonly action: "pause" | "resume";
  readonly deployment: string;
  /** Id or slug. Absent: the deployment with all its schedules. */
  readonly schedule?: string | undefined;
}

const DELETES_RUNS = own("Prefect deletes the runs that a schedule has made and that have not started.");

export async function planSchedules(ctx: PlanContext, change: ScheduleChange): Promise<ChangePlan> {
  const { query, live } = ctx;
  const found = await resolveName(query, "deployment", change.deployment);
  const deployment = await readDeployment(live, found.id);
  const name = fullName(found.parent, deployment.name);
  const isPause = change.action === "pause";
  const { target, step } =
    change.schedule === undefined
      ? wholeDeployment(deployment, name, isPause)
      : oneSchedule(deployment, name, scheduleOf(deployment, change.schedule), isPause);
  const what = change.schedule === undefined ? own("deployment") : own("schedule");
  return {
    summary: sentence`${isPause ? "Pause" : "Resume"} ${what} ${asName(target.name)}.`,
    targets: [target],
    steps: [step],
    notes: isPause
      ? [DELETES_RUNS]
      : change.schedule !== undefined && deployment.paused === true
        ? [own("The deployment itself is paused, so this schedule makes no runs before it is resumed.")]
        : [],
    seen: [
      deployment.paused ?? null,
      deployment.schedules?.map(({ id, active, schedule }) => [id, active, schedule]) ?? null,
    ],
  };
}

async function readDeployment(live: LiveReader, id: string): Promise<Deployment> {
  return (await live.api.get(`/deployments/${id}`, live.options())) as Deployment;
}

interface Planned {
  readonly target: Target;
  readonly step: Step;
}

function wholeDeployment(deployment: Deployment, name: string, isPause: boolean): Planned {
  const isPaused = deployment.paused === true;
  if (isPaused === isPause) throw isAlready(name, isPause);
  const path = `/deployments/${deployment.id}/${isPause ? "pause" : "resume"}_deployment`;
  return {
    target: {
      kind: "deployment",
      id: deployment.id,
      name,
      state: isPaused ? "paused" : "not paused",
      schedules: deployment.schedules?.length ?? 0,
    },
    step: {
      request: { method: "POST", path, body: {} },
      target: 0,
      observe: async (live) => {
        const { paused } = await readDeployment(live, deployment.id);
        return seenAs((paused === true) === isPause, paused === true ? "paused" : "not paused", {
          kind: "deployment",
          id: deployment.id,
          isShown: (doc: Partial<Deployment>) => (doc.paused === true) === isPause,
        });
      },
    },
  };
}

function oneSchedule(deployment: Deployment, name: string, schedule: DeploymentSchedule, isPause: boolean): Planned {
  const { id, active, slug } = schedule;
  if (active !== isPause) throw isAlready(slug ?? id, isPause);
  return {
    target: {
      kind: "schedule",
      id,
      name: slug ? `${name} (${slug})` : name,
      state: active ? "active" : "paused",
      deployment_id: deployment.id,
      schedule: schedule.schedule,
    },
    step: {
      request: {
        method: "PATCH",
        path: `/deployments/${deployment.id}/schedules/${id}`,
        body: { active: !isPause },
      },
      target: 0,
      observe: async (live) => {
        const { schedules = [] } = await readDeployment(live, deployment.id);
        const now = schedules.find((one) => one.id === id)?.active;
        return seenAs(now === !isPause, now === undefined ? "deleted" : now ? "active" : "paused", {
          kind: "deployment",
          id: deployment.id,
          isShown: (doc: Partial<Deployment>) => doc.schedules?.find((one) => one.id === id)?.active === !isPause,
        });
      },
    },
  };
}

/** An object without states: Prefect keeps no time of its changes. */
export function seenAs(isReached: boolean, state: string, recorded: RecordedAs): Observation {
  return { isReached, isFinal: isReached, state, since: null, recorded };
}

export function isAlready(name: string, isPause: boolean): AppError {
  return new AppError("invalid_input", sentence`${asName(name)} is ${isPause ? "paused already" : "not paused"}.`, {
    hint: "Nothing was sent.",
  });
}

function scheduleOf({ schedules = [] }: Deployment, given: string): DeploymentSchedule {
  const text = given.trim();
  const found = schedules.filter(({ id, slug }) => slug === text || id.startsWith(text.toLowerCase()));
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  throw new AppError("not_found", sentence`the deployment has no one schedule ${asName(text)}`, {
    hint:
      schedules.length === 0
        ? own("It has no schedule.")
        : sentence`Its schedules: ${asNames(schedules.map(({ id, slug }) => slug ?? id))}.`,
  });
}
