import type { Clock } from "../../lib/clock.ts";
import type { LiveBatch } from "../../model/events/live-batch.ts";
import type { PrefectApi } from "../../prefect/api.ts";
import type { RecordDb } from "../../store/database.ts";

/** What a query may use. One per tenant and request; cheap to make. */
export interface QueryContext {
  /** Read-only connection to the record, or null while there is none. Asked anew for each query. */
  record(): RecordDb | null;
  /** The live API. Throws AppError (`invalid_config`) when the settings give none. */
  api(): PrefectApi;
  readonly clock: Clock;
  /** Hands a live answer to the writer. Returns at once; a failure to store it is logged there, never here. */
  keep(batch: LiveBatch): void;
  /** A record that ends at most this long ago covers questions that reach to now. `PREFECT_MCP_FRESH_SECONDS`. */
  readonly freshMs: number;
  /** Whole time a live answer may take, milliseconds (8,000). */
  readonly liveDeadlineMs: number;
  /** `https://…` base of UI links without trailing slash, or null. */
  readonly uiUrl: string | null;
  /** The MCP server of Prefect's documentation, or null. Only the docs tools ask it. */
  readonly docsUrl?: string | null;
  /** Normalised API URL of the instance. */
  readonly instance: string;
  /** Ends the call when the client gives up. Set by `runTool` from the tool's context. */
  readonly signal?: AbortSignal;
  /** When the call's live time is over (our clock, microseconds), however many readings it makes. Set by `runTool`. */
  readonly liveUntilUs?: number;
}
