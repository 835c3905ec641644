import type { FleetDoor } from "./fleet-door.ts";

/** Replicas that are behind for longer are a fault of the storage. */
const LATE_REPLICA_S = 30;
const SKEW_RULE = "only nodes of neighbouring minor versions work together, so upgrade one minor version at a time";

/** What `/readyz` of a node answers. */
export function readinessOf(door: FleetDoor): readonly [text: string, status: number] {
  const { isLeaving, isHeld, differingVersion: other } = door.fleet;
  if (isLeaving) return ["leaving the fleet", 503];
  if (other !== null) return [`not in the fleet: a running node has version ${other}; ${SKEW_RULE}`, 503];
  if (!isHeld) return ["ready; the fleet's database does not answer, so answers come from Prefect alone", 200];
  const lagS = Math.round(door.replicaLagMs / 1000);
  return [lagS < LATE_REPLICA_S ? "ready" : `ready; replicas of records are ${lagS} s behind`, 200];
}
