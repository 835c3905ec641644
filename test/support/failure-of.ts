import { AppError } from "../../src/errors.ts";

/** The AppError of a call that must fail. Throws when it succeeds or fails in another way. */
export async function failureOf(call: Promise<unknown>): Promise<AppError> {
  const error = await call.then(
    () => new Error("it did not fail"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof AppError)) throw error;
  return error;
}
