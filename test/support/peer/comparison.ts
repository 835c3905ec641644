/** Asks the official server and this one the same questions about one real Prefect, each through a proxy that records requests. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../src/lib/clock.ts";
import { formatIsoUs } from "../../../src/lib/time.ts";
import { type Product, ROOT, startProduct } from "../process/product.ts";
import { type RecordingProxy, startRecordingProxy } from "../proxies/recording-proxy.ts";
import type { RealPrefect } from "../real-prefect/real-prefect.ts";
import { waitUntil } from "../time/wait-until.ts";
import { countTokens } from "../tokens.ts";
import { type PeerQuestion, peerQuestions } from "./questions.ts";

export interface Measured {
  /** o200k, of the text part; for lists of as many pages as name what the peer's answer names. */
  readonly tokens: number;
  /** Median of the calls, all pages together. */
  readonly ms: number;
  /** Requests of one call. */
  readonly requests: number;
  readonly pages: number;
  readonly facts: readonly string[];
}

export interface Compared {
  readonly name: string;
  readonly isList: boolean;
  readonly peer: Measured;
  readonly ours: Measured;
}

export interface Comparison {
  readonly rows: readonly Compared[];
  /** Requests of this product, all of them. */
  readonly requests: readonly string[];
}

const CALLS = 5;

/** `ids`: of the scenarios that were filled in. */
export async function compareWithPeer(
  prefect: RealPrefect,
  ids: Readonly<Record<string, string>>,
): Promise<Comparison> {
  const folder = mkdtempSync(join(tmpdir(), "peer-"));
  using peerProxy = startRecordingProxy(prefect.url);
  using ourProxy = startRecordingProxy(prefect.url);
  try {
    await using peer = await startProduct({
      command: [join(ROOT, ".venv-peer/bin/prefect-mcp-server")],
      env: { HOME: folder, PREFECT_API_URL: peerProxy.url },
      cwd: folder,
    });
    await using ours = await startProduct({
      env: { ...prefect.productEnv(folder), PREFECT_API_URL: ourProxy.url },
    });
    await untilRecorded(ours);
    const rows: Compared[] = [];
    for (const question of peerQuestions(ids, formatIsoUs(systemClock.nowUs()))) {
      const asked = () => ask(question, peer, peerProxy, ours, ourProxy);
      // The workspace may have changed between the two questions: a run may have become Late.
      rows.push(
        await waitUntil("both servers name the same facts", asked, ({ peer, ours }) =>
          Bun.deepEquals(peer.facts, ours.facts),
        ),
      );
    }
    return { rows, requests: [...ourProxy.lines] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Waits until the record holds all events, and every list that the server reads whole. */
export async function untilRecorded(product: Product): Promise<void> {
  const status = () => product.call("get_record_status");
  await waitUntil(
    "the record is caught up",
    status,
    ({ structured }) => structured.coverage?.complete === true && structured.backfill?.done === true,
  );
  for (const tool of ["get_deployments", "get_work_pools", "get_automations", "search"]) {
    const args = tool === "search" ? { query: "orders" } : {};
    await waitUntil(
      `${tool} is answered from the record`,
      () => product.call(tool, args),
      ({ structured }) => structured.source === "record",
    );
  }
}

async function ask(
  question: PeerQuestion,
  peer: Product,
  peerProxy: RecordingProxy,
  ours: Product,
  ourProxy: RecordingProxy,
): Promise<Compared> {
  const { name, list, facts } = question;
  const theirs = await measure(peerProxy, async () => {
    const { structured, text, isError } = await peer.call(question.tool, question.args);
    if (isError) throw new Error(`the peer: ${text}`);
    return { tokens: countTokens(text), pages: 1, facts: facts?.peer(structured) ?? [] };
  });
  const mine = await measure(ourProxy, () => askOurs(question, ours, theirs.facts.length));
  return { name, isList: list !== undefined, peer: theirs, ours: mine };
}

/** Reads pages until they name as many items as the peer's answer. */
async function askOurs({ tool, args, ours = {}, list, facts }: PeerQuestion, product: Product, wanted: number) {
  const named: string[] = [];
  let tokens = 0;
  let pages = 0;
  let cursor: string | undefined;
  do {
    const limit = list && "limit" in args ? { limit: Math.max(1, wanted - named.length) } : {};
    const { structured, text, isError } = await product.call(tool, {
      ...args,
      ...ours,
      ...limit,
      ...(cursor ? { cursor } : {}),
    });
    if (isError) throw new Error(text);
    tokens += countTokens(text);
    pages += 1;
    named.push(...(facts?.ours(structured) ?? []));
    cursor = structured.next_cursor;
  } while (cursor && list && named.length < wanted);
  return { tokens, pages, facts: named };
}

async function measure(
  proxy: RecordingProxy,
  call: () => Promise<{ tokens: number; pages: number; facts: readonly string[] }>,
): Promise<Measured> {
  const times: number[] = [];
  const before = proxy.lines.length;
  let last = await call();
  const requests = proxy.lines.length - before;
  for (let n = 0; n < CALLS; n += 1) {
    const startMs = performance.now();
    last = await call();
    times.push(performance.now() - startMs);
  }
  const ms = times.sort((a, b) => a - b)[Math.floor(CALLS / 2)] ?? 0;
  return { ...last, facts: [...last.facts].sort(), ms, requests };
}

/** Lists that cost the peer at least this many tokens are compared. */
export const LARGE_LIST = 400;

/** The table, with the sums over the large lists. */
export function comparisonTable(rows: readonly Compared[]): string {
  const cell = (text: string | number, width: number) => String(text).padStart(width);
  const line = (name: string, peer: readonly (string | number)[], ours: readonly (string | number)[], end: string) =>
    `${name.padEnd(26)}|${peer.map((one) => cell(one, 8)).join("")} |${ours.map((one) => cell(one, 8)).join("")} | ${end}`;
  const ratio = ({ peer, ours }: Compared) =>
    `${(ours.tokens / peer.tokens).toFixed(2)} of its tokens, same facts: ${sameFacts(peer, ours)}`;
  const shown = ({ tokens, ms, requests }: Measured) => [tokens, ms.toFixed(1), requests];
  const { peer, ours } = largeSums(rows);
  return [
    line("question", ["peer tok", "ms", "req"], ["our tok", "ms", "req"], ""),
    ...rows.map((row) => line(row.name, shown(row.peer), shown(row.ours), ratio(row))),
    `lists of ${LARGE_LIST} tokens or more: peer ${peer}, ours ${ours} (${(ours / peer).toFixed(2)})`,
  ].join("\n");
}

function sameFacts(peer: Measured, ours: Measured): string {
  if (peer.facts.length === 0) return "not compared";
  return Bun.deepEquals(peer.facts, ours.facts) ? `yes (${peer.facts.length})` : "NO";
}

export function largeLists(rows: readonly Compared[]): Compared[] {
  return rows.filter((row) => row.isList && row.peer.tokens >= LARGE_LIST);
}

export function largeSums(rows: readonly Compared[]): { peer: number; ours: number } {
  const sum = (pick: (row: Compared) => number) => largeLists(rows).reduce((all, row) => all + pick(row), 0);
  return { peer: sum((row) => row.peer.tokens), ours: sum((row) => row.ours.tokens) };
}
