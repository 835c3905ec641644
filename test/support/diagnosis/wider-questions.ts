/** The problems of the waiting cases, asked for the deployment, flow or pool of the run: each names the same leaf. */
export interface WiderQuestion {
  readonly ask: Readonly<Record<string, string>>;
  /** The first cause contains each of them. */
  readonly first: readonly (string | RegExp)[];
}

const of = (kind: string, name: string, ...first: (string | RegExp)[]): WiderQuestion => ({
  ask: { [kind]: name },
  first,
});

export const WIDER_QUESTIONS: readonly WiderQuestion[] = [
  of("deployment", "slot-flow/slot-dep", "slots-pool", "pool-holder"),
  of("flow", "slot-flow", "slots-pool", "pool-holder"),
  of("work_pool", "slots-pool", "slots-pool", "pool-holder"),
  of("flow", "queue-flow", "queue-pool", "queue-holder"),
  of("work_pool", "queue-pool", "queue-pool", "queue-holder"),
  of("flow", "limit-flow", "limit-dep", "dep-holder"),
  of("work_pool", "dep-pool", "limit-dep", "dep-holder"),
  of("flow", "nightly-load", "empty-pool", /no worker/),
  of("work_pool", "empty-pool", "empty-pool", /no worker/),
  of("flow", "orphan-flow", "orphan-dep", /no work pool/),
  of("deployment", "stale-flow/stale-dep", "tired-worker"),
  of("flow", "stale-flow", "tired-worker"),
  of("flow", "paused-flow", "paused-pool", /is paused/),
  of("work_pool", "paused-pool", "paused-pool", /is paused/),
  of("deployment", "lane-flow/lane-dep", "slow-lane", /is paused/),
  of("flow", "lane-flow", "slow-lane", /is paused/),
  of("work_pool", "lanes-pool", "slow-lane", /is paused/),
  of("flow", "held-flow", "held-dep", /is paused/),
  of("flow", "idle-flow", "idle-dep", /inactive/),
  of("deployment", "pending-flow/pending-dep", "pending-run", "silent-worker"),
  of("flow", "pending-flow", "pending-run", "silent-worker"),
  of("deployment", "normal-flow/normal-dep", "lane-pool", "urgent-holder"),
  of("flow", "normal-flow", "lane-pool", "urgent-holder"),
  of("deployment", "unasked-flow/unasked-dep", /queue default/, "gpu-worker"),
  of("flow", "unasked-flow", /queue default/, "gpu-worker"),
  of("deployment", "zombie-flow/zombie-dep", "zombie-run", "137", /set_state/),
  of("flow", "zombie-flow", "zombie-run", "137", /set_state/),
  of("deployment", "parent-flow/parent-dep", "waiting-parent", "late-child", "left-pool", /no worker/),
  of("flow", "parent-flow", "waiting-parent", "late-child", "left-pool", /no worker/),
  of("deployment", "single-flow/single-dep", "single-refused", /cancelled/),
  of("flow", "single-flow", "single-refused", /cancelled/),
];
