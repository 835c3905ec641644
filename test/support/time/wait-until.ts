/**
 * The only way in which a test waits for something. It waits for a condition, never for a time, so that no verdict depends on how fast
 * the machine is.
 */
import { loadavg } from "node:os";
import { inspect } from "bun";

/**
 * When a wait is given up. Far longer than anything takes on a busy machine: it only ends a wait that would never end. Shorter than the
 * limit of a test (`test/support/time/test-limit.ts`), so that the error below is what is printed.
 */
const LAST_LIMIT_MS = 300_000;
const SHORTEST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 250;
const SHOWN_CHARS = 2_000;

/** What can say how it is doing when a wait is given up: a server, a process. */
export type Witness = () => string | Promise<string>;

const witnesses = new Set<Witness>();

/** From now on, errors of given up waits contain what `witness` says. Returns a function that ends this. */
export function addWitness(witness: Witness): () => void {
  witnesses.add(witness);
  return () => void witnesses.delete(witness);
}

/** Asks until there is an answer other than null, undefined, false, 0 or an empty text, and returns it. */
export function waitUntil<T>(
  what: string,
  ask: () => T | Promise<T>,
): Promise<Exclude<T, null | undefined | false | 0 | "">>;
/** Asks until `isWanted` accepts an answer, and returns it. */
export function waitUntil<T>(
  what: string,
  ask: () => T | Promise<T>,
  isWanted: (answer: T) => boolean,
  limitMs?: number,
): Promise<T>;
export async function waitUntil<T>(
  what: string,
  ask: () => T | Promise<T>,
  isWanted: (answer: T) => boolean = Boolean,
  limitMs = LAST_LIMIT_MS,
): Promise<T> {
  const startMs = performance.now();
  const restMs = () => limitMs - (performance.now() - startMs);
  let last = "nothing: the first question was not answered";
  for (let pauseMs = SHORTEST_PAUSE_MS; restMs() > 0; pauseMs = Math.min(pauseMs * 1.5, LONGEST_PAUSE_MS)) {
    const asked = await withLimit(Promise.resolve(ask()), restMs());
    if (asked === null) {
      last += " (a further question was not answered)";
      break;
    }
    if (isWanted(asked.answer)) return asked.answer;
    last = shown(asked.answer);
    await Bun.sleep(pauseMs);
  }
  throw new Error(await report(what, last, performance.now() - startMs));
}

/** The answer, or an error that says what is awaited and how everything is doing. */
export async function answerOf<T>(what: string, answer: Promise<T>, limitMs = LAST_LIMIT_MS): Promise<T> {
  const startMs = performance.now();
  const found = await withLimit(answer, limitMs);
  if (found === null) throw new Error(await report(what, "nothing", performance.now() - startMs));
  return found.answer;
}

async function withLimit<T>(promise: Promise<T>, ms: number): Promise<{ readonly answer: T } | null> {
  const { promise: over, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(() => resolve(null), ms);
  try {
    return await Promise.race([promise.then((answer) => ({ answer })), over]);
  } finally {
    clearTimeout(timer);
  }
}

async function report(what: string, last: string, tookMs: number): Promise<string> {
  const load = loadavg()
    .map((one) => one.toFixed(1))
    .join(" ");
  const said = await Promise.all(
    [...witnesses].map(async (witness) => (await withLimit(ask(witness), 10_000))?.answer),
  );
  return [
    `Waited ${Math.round(tookMs / 1000)} s in vain for: ${what}`,
    `Last seen: ${last}`,
    `Load average: ${load}`,
    ...said.map((text) => text ?? "A witness did not answer within 10 s."),
  ].join("\n");
}

async function ask(witness: Witness): Promise<string> {
  try {
    return await witness();
  } catch (error) {
    return `A witness failed: ${error}`;
  }
}

function shown(value: unknown): string {
  const text = typeof value === "string" ? value : inspect(value, { depth: 6, colors: false });
  return text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}… (${text.length} characters)` : text;
}
