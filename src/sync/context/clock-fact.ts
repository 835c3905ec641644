import { floorUs } from "../../lib/time.ts";
import type { Fact } from "../../store/sync-state.ts";
import type { EngineContext } from "./engine-context.ts";

/** What readers need to know of the clocks; null while the server clock is unknown. */
export function clockFact({ clock, serverClock }: Pick<EngineContext, "clock" | "serverClock">): Fact<"clock"> | null {
  const { skewMs, measuredMs } = serverClock;
  if (skewMs === null || measuredMs === null) return null;
  return {
    skewMs: Math.round(skewMs),
    measuredUs: floorUs(clock.nowUs() - (clock.steadyMs() - measuredMs) * 1000),
    bootedUs: floorUs(clock.bootedUs()),
  };
}
