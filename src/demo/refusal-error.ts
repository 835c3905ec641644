import type { Json, JsonObject } from "../model/objects.ts";

/** An answer other than 200, with Prefect's own body. */
export class RefusalError extends Error {
  readonly status: number;
  readonly body: JsonObject;

  constructor(status: number, body: JsonObject) {
    super(`${status}`);
    this.status = status;
    this.body = body;
  }
}

/** The 422 of Prefect's request model, with one entry of pydantic's report. */
export function requestModelError(
  type: string,
  loc: readonly string[],
  message: string,
  requestBody: unknown,
): RefusalError {
  return new RefusalError(422, {
    exception_message: "Invalid request received.",
    exception_detail: [{ type, loc: ["body", ...loc], msg: message, input: valueAt(requestBody, loc) }],
    request_body: requestBody as JsonObject,
  });
}

function valueAt(body: unknown, loc: readonly string[]): Json {
  let value = body as Json;
  for (const key of loc) value = (value as { [key: string]: Json } | null)?.[key] ?? null;
  return value;
}

export const notFound = (message: string) => new RefusalError(404, { detail: message });
