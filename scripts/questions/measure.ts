/**
 * The questions that only a record answers, asked on a real Prefect whose flows ran: tokens of the answer, requests to Prefect, and
 * milliseconds of the first call and the middle one of the further ones. Ends with exit code 1 when an answer is wrong or too long.
 *
 *   bun scripts/questions/measure.ts
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatIsoUs } from "../../src/lib/time.ts";
import { untilRecorded } from "../../test/support/peer/comparison.ts";
import { startProduct, type ToolResult } from "../../test/support/process/product.ts";
import { startRecordingProxy } from "../../test/support/proxies/recording-proxy.ts";
import { fillQuestions } from "../../test/support/questions/workspace.ts";
import { startRealPrefect } from "../../test/support/real-prefect/real-prefect.ts";
import { waitUntil } from "../../test/support/time/wait-until.ts";
import { countTokens } from "../../test/support/tokens.ts";
import { preparePrefect } from "../python.ts";
import { type Question, questionsAbout } from "./asked.ts";

/** Budget of an answer without `limit` and `detail`. */
const MAX_TOKENS = 2_500;
const FURTHER_CALLS = 9;

const setup = await preparePrefect(join(import.meta.dir, "../.."), console.error);
if (!setup.ready) {
  console.error(setup.reason);
  process.exit(1);
}
await using prefect = await startRealPrefect();
const workspace = await fillQuestions(prefect);
const assets = await prefect.python("real-prefect/record_questions.py", ["assets"]);
if (assets.exitCode !== 0) throw new Error(assets.stderr.slice(-2_000));
await prefect.settled();
using proxy = startRecordingProxy(prefect.url);
const folder = mkdtempSync(join(tmpdir(), "questions-"));
let failures = 0;
{
  await using product = await startProduct({
    env: { ...prefect.productEnv(folder), PREFECT_API_URL: proxy.url, PREFECT_MCP_TOOLS: "all" },
  });
  await untilRecorded(product);
  console.log("question".padEnd(50), "source", "tokens: text", "structure", "requests", "ms: first", "further");
  const at = formatIsoUs(Date.now() * 1_000);
  for (const question of questionsAbout(workspace, at))
    failures += (await measured(question, (args) => product.call(question.tool, args))) ? 0 : 1;
}
rmSync(folder, { recursive: true, force: true });
process.exit(failures === 0 ? 0 : 1);

async function measured(
  { name, args, isRight }: Question,
  ask: (args: object) => Promise<ToolResult>,
): Promise<boolean> {
  await waitUntil(
    `${name} is recorded`,
    () => ask(args),
    ({ structured }) => structured.source !== "live",
  );
  const before = proxy.lines.length;
  const [first, firstMs] = await timed(() => ask(args));
  const requests = proxy.lines.length - before;
  const times: number[] = [];
  for (let call = 0; call < FURTHER_CALLS; call++) times.push((await timed(() => ask(args)))[1]);
  const [text, structure] = [countTokens(first.text), countTokens(JSON.stringify(first.structured))];
  const middle = times.sort((a, b) => a - b)[Math.floor(FURTHER_CALLS / 2)] ?? 0;
  const problem = first.isError ? first.text : isRight(first.structured) ? null : "not the expected answer";
  const isShort = Math.max(text, structure) <= MAX_TOKENS;
  console.log(
    name.padEnd(50),
    String(first.structured.source).padEnd(6),
    String(text).padStart(12),
    String(structure).padStart(9),
    String(requests).padStart(8),
    firstMs.toFixed(1).padStart(9),
    middle.toFixed(1).padStart(7),
    problem ?? (isShort ? "" : "too long"),
  );
  return problem === null && isShort;
}

/** Requests of the sync process count too, if they fall into the first call. */
async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const start = performance.now();
  return [await work(), performance.now() - start];
}
