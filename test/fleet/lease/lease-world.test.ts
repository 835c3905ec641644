import { expect, test } from "bun:test";
import { LEASE_TIMING } from "../../../src/fleet/lease/timing.ts";
import { type LeaseWorldOptions, runLeaseWorld } from "./lease-world.ts";

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

test("in 1,000 schedules in which a failover loses commits, two owners end after the time of a lease", () => {
  for (let seed = 1; seed <= 1_000; seed += 1) {
    const { problems } = runLeaseWorld(seed, { losesCommits: true });
    expect({ seed, problems }).toEqual({ seed, problems: [] });
  }
});

/** The first seed of a broken protocol with a problem; null: the simulation does not see the fault. */
function firstProblem(world: LeaseWorldOptions): string | null {
  for (let seed = 1; seed <= 2_000; seed += 1) {
    const [problem] = runLeaseWorld(seed, world).problems;
    if (problem) return problem;
  }
  return null;
}

const timed = (timing: Partial<typeof LEASE_TIMING>) => ({ timing: { ...LEASE_TIMING, ...timing } });

test("the schedules find a session that is ended too early", () => {
  expect(firstProblem(timed({ observeMs: LEASE_TIMING.holdMs - 500 }))).toContain(" own ");
});

test("the schedules find an observation that misses the time of a suspend", () => {
  expect(firstProblem(timed({ observeMs: LEASE_TIMING.holdMs + 200 }))).toContain(" own ");
});

test("the schedules find a record that does not check the fencing number", () => {
  expect(firstProblem({ fencesRecord: false })).toContain(" wrote with ");
});

test("the schedules find a late release that frees a later lease of the same session", () => {
  expect(firstProblem({ broken: { releasesAnyNumber: true } })).toContain(" own ");
});

test("the schedules find a session that is ended although it was renewed", () => {
  expect(firstProblem({ broken: { endsRenewed: true } })).toContain(" own ");
});

test("the schedules find a node that does not notice that its claim was lost in a failover", () => {
  expect(firstProblem({ losesCommits: true, forgetsCounts: true })).toContain(" own ");
});
