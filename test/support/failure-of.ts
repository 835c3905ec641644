import { AppError } from "../../src/errors.ts";

/** The AppError that a synchronous call throws. Throws when it succeeds or fails in another way. */
export function errorOf(work: () => unknown): AppError {
  try {
    work();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

/** The AppError of a call that must fail. Throws when it succeeds or fails in another way. */
export async function failureOf(call: Promise<unknown>): Promise<AppError> {
  const error = await call.then(
    () => new Error("it did not fail"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof AppError)) throw error;
  return error;
}
