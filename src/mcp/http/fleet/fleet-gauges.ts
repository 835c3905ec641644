import type { Metrics } from "../telemetry/metrics.ts";
import type { FleetDoor } from "./fleet-door.ts";

export function addFleetGauges(metrics: Metrics, door: FleetDoor): void {
  const { fleet } = door;
  metrics.gauge("fleet_tenants_owned", "Tenants that this node owns.", () => fleet.owned);
  metrics.gauge("fleet_nodes", "Nodes with a session, as this node last saw it.", () => fleet.nodes.length);
  metrics.gauge(
    "fleet_session_seconds",
    "For how long this node's session is certainly held.",
    () => fleet.leftMs / 1000,
  );
  metrics.gauge(
    "fleet_replica_lag_seconds",
    "For how long the replica that is furthest behind has lacked a commit.",
    () => door.replicaLagMs / 1000,
  );
  metrics.gauge("fleet_forwarded_requests", "Requests that other nodes have answered.", () => door.counts.forwarded);
  metrics.gauge("fleet_received_requests", "Requests that came from other nodes.", () => door.counts.received);
  metrics.gauge("fleet_live_requests", "Requests that no owner could answer.", () => door.counts.live);
}
