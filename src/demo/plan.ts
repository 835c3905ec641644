/** When the recorded families are replayed: three days of history before the start, and new runs while the demo runs. */
import { DAY_US, HOUR_US, MINUTE_US, SECOND_US } from "../lib/time.ts";
import type { FlowRun } from "../model/objects.ts";
import { usOf } from "./family-replay.ts";
import type { FamilyRows, Workspace } from "./workspace.ts";

/** `expectedUs`: the expected start of the top-level run. */
interface Placement {
  readonly family: FamilyRows;
  readonly expectedUs: number;
}

interface Rule {
  /** Flow, deployment and last state of the top-level run. */
  readonly run: string;
  readonly times: (startUs: number) => number[];
}

/** At every multiple of `periodUs` since the epoch plus `offsetUs`, back to `spanUs` before the start. Newest first. */
function regularly(periodUs: number, spanUs: number, offsetUs = 0) {
  return (startUs: number): number[] => {
    const times: number[] = [];
    const newest = Math.floor((startUs - SETTLE_US - offsetUs) / periodUs) * periodUs + offsetUs;
    for (let us = newest; us > startUs - spanUs; us -= periodUs) times.push(us);
    return times;
  };
}

const ago =
  (...agoUs: number[]) =>
  (startUs: number): number[] =>
    agoUs.map((us) => startUs - us);

/** A family of the history has ended before the start: the longest takes half a minute. */
const SETTLE_US = 2 * MINUTE_US;
/** The workspace was created this long before the start. */
export const SETUP_AGO_US = 3 * DAY_US;

const HISTORY: readonly Rule[] = [
  { run: "ingest-orders/web Completed", times: regularly(50 * MINUTE_US, 30 * HOUR_US, 7 * MINUTE_US) },
  { run: "ingest-orders/web Cancelled", times: ago(205 * MINUTE_US) },
  { run: "hourly-report/eu Completed", times: regularly(HOUR_US, 36 * HOUR_US) },
  { run: "hourly-report/us Completed", times: regularly(HOUR_US, 36 * HOUR_US) },
  { run: "nightly-rebuild/main Completed", times: regularly(DAY_US, 70 * HOUR_US, 2 * HOUR_US) },
  { run: "billing-import/daily Failed", times: regularly(DAY_US, 70 * HOUR_US, 6 * HOUR_US) },
  { run: "sync-inventory/stores Failed", times: regularly(3 * HOUR_US, 20 * HOUR_US) },
  { run: "export-ledger/archive Failed", times: ago(95 * MINUTE_US, 26 * HOUR_US) },
  { run: "train-model/gpu Crashed", times: ago(5 * HOUR_US) },
  { run: "train-model/gpu Running", times: ago(42 * MINUTE_US) },
  { run: "train-model/gpu Late", times: ago(18 * MINUTE_US) },
  { run: "approve-payout/finance Paused", times: ago(50 * MINUTE_US) },
  { run: "legacy-feed/hourly Late", times: ago(11 * MINUTE_US, 71 * MINUTE_US, 131 * MINUTE_US) },
];

/** An inbox run takes 38 s, with at most 3.3 s between two events; the next one starts before it ends. */
const INGEST_EVERY_US = 30 * SECOND_US;
const FAILURE_EVERY_US = 4 * MINUTE_US;
const INGEST = "ingest-orders/web Completed";
const FAILURES = ["sync-inventory/stores Failed", "ingest-orders/web Cancelled", "export-ledger/archive Failed"];

export class Plan {
  private readonly families = new Map<string, FamilyRows[]>();

  constructor(workspace: Workspace) {
    const flows = new Map(workspace.flows.map((flow) => [flow.id, flow.name]));
    const deployments = new Map(workspace.deployments.map((row) => [row.id, `${flows.get(row.flow_id)}/${row.name}`]));
    for (const family of workspace.families) {
      const root = rootOf(family);
      const name = `${deployments.get(root.deployment_id ?? "")} ${root.state_name}`;
      this.families.set(name, [...(this.families.get(name) ?? []), family]);
    }
  }

  /** Newest first. The recorded families of a rule are used in rotation. */
  history(startUs: number): Placement[] {
    return HISTORY.flatMap((rule) => {
      const families = (this.families.get(rule.run) ?? []).toSorted((a, b) => expectedUs(b) - expectedUs(a));
      return rule.times(startUs).flatMap((us, index) => {
        const family = families[index % families.length];
        return family ? [{ family, expectedUs: us }] : [];
      });
    });
  }

  /** Families due in `[fromUs, toUs)` while the demo runs. Inbox runs start two minutes before the demo. */
  live(startUs: number, fromUs: number, toUs: number): Placement[] {
    const ingest = this.families.get(INGEST)?.[0];
    const due = (everyUs: number, firstUs: number): number[] => {
      const times: number[] = [];
      const first = firstUs + Math.max(0, Math.ceil((fromUs - firstUs) / everyUs)) * everyUs;
      for (let us = first; us < toUs; us += everyUs) times.push(us);
      return times;
    };
    const failuresFromUs = startUs + MINUTE_US;
    return [
      ...(ingest ? due(INGEST_EVERY_US, startUs - SETTLE_US).map((us) => ({ family: ingest, expectedUs: us })) : []),
      ...due(FAILURE_EVERY_US, failuresFromUs).flatMap((us) => {
        const index = Math.round((us - failuresFromUs) / FAILURE_EVERY_US) % FAILURES.length;
        const family = this.families.get(FAILURES[index] ?? "")?.[0];
        return family ? [{ family, expectedUs: us }] : [];
      }),
    ];
  }

  /** The family that is replayed when an upcoming run of a deployment is due: a recorded run that has ended. */
  familyOf(deploymentId: string | null | undefined): FamilyRows | undefined {
    const all = [...this.families.values()].flat();
    return all.find((family) => rootOf(family).deployment_id === deploymentId && rootOf(family).end_time);
  }
}

export function rootOf(family: FamilyRows): FlowRun {
  const root = family.flow_runs.find((run) => run.id === family.root);
  if (!root) throw new RangeError(`the recorded family ${family.root} has no top-level run`);
  return root;
}

export function expectedUs(family: FamilyRows): number {
  return usOf(rootOf(family).expected_start_time);
}
