import { expect, test } from "bun:test";
import { LEASE_TIMING } from "../../../src/fleet/lease/timing.ts";
import { runLeaseWorld } from "./lease-world.ts";

const SCHEDULES = 10_000;

test("in 10,000 schedules of faults no tenant has two owners, no stale owner writes, and all recover", () => {
  const sum = { commits: 0, refused: 0, moves: 0 };
  for (let seed = 1; seed <= SCHEDULES; seed += 1) {
    const { problems, commits, refused, moves } = runLeaseWorld(seed);
    expect({ seed, problems }).toEqual({ seed, problems: [] });
    sum.commits += commits;
    sum.refused += refused;
    sum.moves += moves;
  }
  // The schedules contain what they are for.
  expect(sum.moves).toBeGreaterThan(SCHEDULES);
  expect(sum.refused).toBeGreaterThan(100);
  expect(sum.commits).toBeGreaterThan(50 * SCHEDULES);
});

/** The first seed of a broken protocol with a problem; null: the simulation does not see the fault. */
function firstProblem(timing: Partial<typeof LEASE_TIMING>, fencesRecord = true): string | null {
  for (let seed = 1; seed <= 2_000; seed += 1) {
    const [problem] = runLeaseWorld(seed, { ...LEASE_TIMING, ...timing }, fencesRecord).problems;
    if (problem) return problem;
  }
  return null;
}

test("the schedules find a session that is ended too early", () => {
  expect(firstProblem({ observeMs: LEASE_TIMING.holdMs - 500 })).toContain(" own ");
});

test("the schedules find an observation that misses the time of a suspend", () => {
  expect(firstProblem({ observeMs: LEASE_TIMING.holdMs + 200 })).toContain(" own ");
});

test("the schedules find a record that does not check the fencing number", () => {
  expect(firstProblem({}, false)).toContain(" wrote with ");
});
