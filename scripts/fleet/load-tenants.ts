/** Tenants with a Prefect each, and questions of which the right answer is known. */
import { systemClock } from "../../src/lib/clock.ts";
import { addUs, formatIsoUs } from "../../src/lib/time.ts";
import { anEvent } from "../../test/support/builders.ts";
import { type FakePrefect, startFakePrefect } from "../../test/support/fake-prefect/fake-prefect.ts";
import type { FleetReply, FleetTenant } from "./ask.ts";

const EVENTS = 60;
const STEP_US = 20_000_000;
/** The youngest event: so old that no answer calls it still incomplete. */
const YOUNGEST_US = 600_000_000;

export interface LoadTenant extends FleetTenant, AsyncDisposable {
  readonly questions: readonly LoadQuestion[];
}

export interface LoadQuestion {
  readonly tool: string;
  readonly args: object;
  /** Whether the answer has what it must have. */
  isRight(reply: FleetReply): boolean;
}

export async function startTenant(number: number): Promise<LoadTenant> {
  const apiKey = `pnu_load_of_tenant_${number}`;
  const prefect: FakePrefect = await startFakePrefect({ apiKey });
  const nowUs = systemClock.nowUs();
  const events = Array.from({ length: EVENTS }, (_, index) =>
    anEvent({ event: `load.tenant-${number}`, occurred: formatIsoUs(addUs(nowUs, -YOUNGEST_US - index * STEP_US)) }),
  );
  prefect.emit(events);
  const newest = events.slice(0, 5).map(({ id }) => id);
  const has = (reply: FleetReply, ids: readonly string[]) =>
    JSON.stringify((reply.structured.events as { id: string }[] | undefined)?.map(({ id }) => id)) ===
    JSON.stringify(ids);
  const window = {
    since: formatIsoUs(addUs(nowUs, -YOUNGEST_US - EVENTS * STEP_US)),
    until: formatIsoUs(addUs(nowUs, -YOUNGEST_US / 2)),
  };
  return {
    name: `tenant-${number}`,
    headers: { "x-prefect-api-url": prefect.url, "x-prefect-api-key": apiKey },
    questions: [
      { tool: "read_events", args: { limit: 5 }, isRight: (reply) => has(reply, newest) },
      {
        tool: "read_events",
        args: { limit: 50, ...window },
        isRight: (reply) =>
          has(
            reply,
            events.slice(0, 50).map(({ id }) => id),
          ),
      },
      {
        tool: "aggregate_events",
        args: { by: "event", ...window },
        isRight: ({ structured }) =>
          JSON.stringify(structured).includes(`"load.tenant-${number}"`) && structured.total === EVENTS,
      },
      {
        tool: "get_dashboard",
        args: {},
        isRight: ({ structured }) => (structured.flow_runs as { total?: number } | undefined)?.total === 0,
      },
    ],
    [Symbol.asyncDispose]: () => prefect.stop(),
  };
}
