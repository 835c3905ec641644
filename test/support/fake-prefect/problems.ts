/** Error answers in the shapes of a 3.8.8 server. */
export class Refusal extends Error {
  readonly status: number;
  readonly body: unknown;

  constructor(status: number, body: unknown) {
    super(JSON.stringify(body));
    this.status = status;
    this.body = body;
  }
}

export interface Problem {
  readonly type: string;
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly input: unknown;
  readonly ctx?: unknown;
}

/** 422 of body validation. */
export function invalid(problems: readonly Problem[], body: unknown): Refusal {
  return new Refusal(422, {
    exception_message: "Invalid request received.",
    exception_detail: problems,
    request_body: body,
  });
}

/** 422, 404 and others with one sentence. */
export function detail(status: number, text: string): Refusal {
  return new Refusal(status, { detail: text });
}

export function extraForbidden(loc: readonly (string | number)[], input: unknown): Problem {
  return { type: "extra_forbidden", loc, msg: "Extra inputs are not permitted", input };
}

export type Dict = Readonly<Record<string, unknown>>;

export function isDict(value: unknown): value is Dict {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function asDict(value: unknown): Dict {
  return isDict(value) ? value : {};
}

export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** `limit` and `offset`. Throws the server's errors for a limit that it refuses. */
export function pageOf(body: Dict, cap: number): { limit: number; offset: number } {
  const limit = typeof body.limit === "number" ? body.limit : cap;
  if (limit > cap) throw detail(422, `Invalid limit: must be less than or equal to ${cap}.`);
  if (limit < 0) throw detail(422, "Invalid limit: must be greater than or equal to 0.");
  return { limit, offset: typeof body.offset === "number" ? body.offset : 0 };
}
