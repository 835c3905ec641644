/**
 * Compression of the documents of runs. Documents are much alike, so each is deflated with a typical document as the
 * dictionary, to a fifth of its size. The dictionaries are part of the file format: no stored document can be read with
 * a changed one. A new dictionary needs a new format byte.
 */
import { parseJson } from "../../lib/exact-json.ts";
import { lazily } from "../../lib/lazily.ts";
import type { FlowRun, TaskRun } from "../../model/objects.ts";

/** Loaded with the first document: it takes 10 ms. Bun's own functions take no dictionary. */
const zlib = lazily(() => require("node:zlib") as typeof import("node:zlib"));

const FORMAT = 1;

const STATE_DETAILS =
  '"state_details":{"flow_run_id":null,"task_run_id":null,"child_flow_run_id":null,"scheduled_time":null,"cache_key":null,"cache_expiration":null,"deferred":false,"untrackable_result":true,"pause_timeout":null,"pause_reschedule":false,"pause_key":null,"run_input_keyset":null,"refresh_cache":null,"retriable":null,"transition_id":"","task_parameters_id":null,"traceparent":null,"deployment_concurrency_lease_id":null}}';
const COUNTS =
  '"run_count":1,"expected_start_time":"2026-01-01T00:00:00.000000Z","next_scheduled_start_time":null,"start_time":"2026-01-01T00:00:00.000000Z","end_time":"2026-01-01T00:00:00.000000Z","total_run_time":1.0,"estimated_run_time":1.0,"estimated_start_time_delta":0.0,';
const STATE =
  '"state":{"id":"","type":"COMPLETED","name":"Completed","timestamp":"2026-01-01T00:00:00.000000Z","message":null,"data":null,';

/** The most frequent text is last, because references to the end of the dictionary are shortest. */
const DICTIONARIES = {
  flow_run: `"Late""Scheduled""SCHEDULED""Cancelled""CANCELLED""Crashed""CRASHED""Pending""PENDING""Running""RUNNING","message":"Flow run encountered an exception: ""Failed""FAILED","data":{"type":"unpersisted"}"created_by":{"id":"","type":"SCHEDULE","display_value":""},"auto_scheduled":true,{"id":"","created":"2026-01-01T00:00:00.000000Z","updated":"2026-01-01T00:00:00.000000Z","name":"","flow_id":"","state_id":"","deployment_id":"","deployment_version":null,"work_queue_id":"","work_queue_name":"default","flow_version":"","parameters":{},"idempotency_key":null,"context":{},"empirical_policy":{"max_retries":0,"retry_delay_seconds":0.0,"retries":0,"retry_delay":0,"pause_keys":[],"resuming":false,"retry_type":null},"tags":[],"labels":{"prefect.flow.id":"","prefect.deployment.id":"","prefect.worker.name":"","prefect.worker.type":"process","prefect.work-pool.name":"","prefect.work-pool.id":""},"parent_task_run_id":null,"state_type":"COMPLETED","state_name":"Completed",${COUNTS}"auto_scheduled":false,"infrastructure_document_id":null,"infrastructure_pid":null,"created_by":null,"work_pool_id":"","work_pool_name":"",${STATE}${STATE_DETAILS},"job_variables":{}}`,
  task_run: `"Pending""PENDING""Running""RUNNING""Retrying""AwaitingRetry""SCHEDULED""message":"Task run encountered an exception ""Failed""FAILED",{"input_type":"parameter","name":""}{"input_type":"task_run","id":""}{"id":"","created":"2026-01-01T00:00:00.000000Z","updated":"2026-01-01T00:00:00.000000Z","name":"","flow_run_id":"","task_key":"","dynamic_key":"","cache_key":null,"cache_expiration":null,"task_version":null,"empirical_policy":{"max_retries":0,"retry_delay_seconds":0.0,"retries":0,"retry_delay":0,"retry_jitter_factor":null},"tags":[],"labels":{},"state_id":"","task_inputs":{},"state_type":"COMPLETED","state_name":"Completed","flow_run_run_count":1,${COUNTS}${STATE.replace("null,", '"",')}${STATE_DETAILS}}`,
} as const;

const BYTES = {
  flow_run: Buffer.from(DICTIONARIES.flow_run),
  task_run: Buffer.from(DICTIONARIES.task_run),
} as const;

interface Documents {
  flow_run: FlowRun;
  task_run: TaskRun;
}

/** The bytes for the column: a format byte and the deflated JSON. */
export function packDoc<K extends keyof Documents>(kind: K, doc: Documents[K]): Uint8Array {
  const packed = zlib().deflateRawSync(JSON.stringify(doc), { dictionary: BYTES[kind], level: 6 });
  const bytes = new Uint8Array(packed.length + 1);
  bytes[0] = FORMAT;
  bytes.set(packed, 1);
  return bytes;
}

/** The document in a column. Throws a RangeError for an unknown format, and zlib's error for damaged bytes. */
export function unpackDoc<K extends keyof Documents>(kind: K, bytes: Uint8Array): Documents[K] {
  if (bytes[0] !== FORMAT) throw new RangeError(`unknown format ${bytes[0]} of a stored run`);
  return parseJson(
    zlib().inflateRawSync(bytes.subarray(1), { dictionary: BYTES[kind] }).toString("utf8"),
  ) as Documents[K];
}
