/** States of runs as the dashboard draws them, in a browser and in a terminal: what asks for attention first. */
export const STATE_ORDER: readonly string[] = [
  "failed",
  "crashed",
  "late",
  "running",
  "pending",
  "paused",
  "cancelling",
  "scheduled",
  "cancelled",
  "completed",
];
