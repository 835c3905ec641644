/** The events of stored states: Prefect uses the id of a state as the id of its event. */
import type { ServerUs } from "../../lib/time.ts";
import type { RecordDb } from "../database.ts";
import type { StateColumns } from "./run-columns.ts";

type StoredState = Pick<StateColumns, "state_id" | "state_us">;

/** When the server received the event of the state, microseconds, server clock; null when the record has no such event. */
export function findReceivedUs(db: RecordDb, stateId: Uint8Array | null): ServerUs | null {
  const find = db.prepare<{ us: number }, [Uint8Array | null]>("SELECT t - shift + recv AS us FROM event WHERE id = ?");
  return find.get(stateId)?.us ?? null;
}

/**
 * Whether a restored database may have lost the state: the server received it up to `lostUntilUs`. The time of the state is not
 * compared where its event is known: it is of another clock, the one of the client.
 */
export function mayBeLost(db: RecordDb, state: StoredState, lostUntilUs: ServerUs): boolean {
  return (findReceivedUs(db, state.state_id) ?? state.state_us ?? Number.NEGATIVE_INFINITY) <= lostUntilUs;
}
