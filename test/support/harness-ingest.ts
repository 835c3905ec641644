import { createRedactor } from "../../src/model/secrets/redact.ts";
import { ChangeSource } from "../../src/sync/context/changes.ts";
import { Ingest } from "../../src/sync/context/ingest.ts";
import { ServerClock } from "../../src/sync/server/server-clock.ts";
import type { ToolHarness } from "./tool-harness.ts";

/** What writes the record of a tool harness, as the Worker does. */
export function ingestOf({ db, query }: ToolHarness, credentials: readonly string[] = []): Ingest {
  const { clock } = query;
  const hooks = { beforeMark: () => undefined, onChange: () => undefined, onDispute: () => undefined };
  const serverClock = new ServerClock(query.api(), clock, hooks);
  return new Ingest({ db, clock, redact: createRedactor({ credentials }), serverClock, changes: new ChangeSource() });
}
