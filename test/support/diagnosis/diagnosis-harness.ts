/** A real Prefect server and the product. Each case is a question with what its answer must and must not contain. */
import { expect } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/logger.ts";
import type { PrefectApi } from "../../../src/prefect/api.ts";
import { createPrefectClient } from "../../../src/prefect/client.ts";
import { openRecord } from "../../../src/store/database.ts";
import { recordFileName } from "../../../src/store/file/record-file.ts";
import { diagnoseTool } from "../../../src/tools/runs/diagnose.ts";
import { callWith } from "../call-tool.ts";
import { DEFAULT_CONNECTION } from "../default-connection.ts";
import { type Product, startProduct, type ToolResult } from "../process/product.ts";
import { type RealPrefect, startRealPrefect } from "../real-prefect/real-prefect.ts";
import { waitUntil } from "../time/wait-until.ts";
import { PrefectDriver } from "./prefect-driver.ts";

export interface Expectation {
  readonly ask: Record<string, string>;
  readonly verdict?: string;
  /** The first cause contains each of them. */
  readonly first?: readonly (string | RegExp)[];
  /** The answer contains each of them. */
  readonly anywhere?: readonly (string | RegExp)[];
  /** No summary matches any of them. */
  readonly never?: readonly RegExp[];
}

interface Cause {
  readonly code: string;
  readonly summary: string;
}

/** Causes that an answer must not name where they do not apply. */
export const NO_WORKER = /no worker|worker .* offline/i;
export const PAUSED = /is paused/i;
export const FULL = /is full/i;

/** The shortest way to the same answer with the official server 0.0.1b13: calls, tokens of the answers, requests. */
const OFFICIAL: Readonly<Record<string, readonly [number, number, number]>> = {
  "failed-upstream-503": [2, 680, 4],
  "nested-subflow-failure": [4, 1_612, 8],
  "error-after-1500-lines": [4, 10_679, 8],
  "pool-slots-held": [5, 2_593, 23],
  "deployment-limit-held": [2, 455, 6],
  "automation-threshold": [3, 6_950, 5],
  "automation-action-failed": [3, 909, 5],
  "many-failures-one-cause": [3, 6_958, 8],
  "worker-stale": [3, 3_038, 8],
};

export const MAX_TOKENS = 1_500;

export class DiagnosisHarness implements AsyncDisposable {
  readonly cases = new Map<string, Expectation>();
  readonly tokens: number[] = [];
  private readonly rows: string[] = [];

  readonly prefect: RealPrefect;
  readonly product: Product;
  readonly driver: PrefectDriver;
  private readonly folder: string;

  private constructor(prefect: RealPrefect, product: Product, folder: string) {
    this.prefect = prefect;
    this.product = product;
    this.driver = new PrefectDriver(prefect);
    this.folder = folder;
  }

  static async open(): Promise<DiagnosisHarness> {
    const prefect = await startRealPrefect();
    const folder = mkdtempSync(join(tmpdir(), "diagnosis-"));
    return new DiagnosisHarness(prefect, await startProduct({ env: prefect.productEnv(folder) }), folder);
  }

  /** Waits until the server has settled. */
  settle(): Promise<void> {
    return this.prefect.settled();
  }

  /** Adds a case. */
  readonly expect = (name: string, expectation: Expectation): void => {
    this.cases.set(name, expectation);
  };

  /** Asks over MCP and checks the answer, then counts the requests to Prefect for the same question. */
  async run(name: string): Promise<ToolResult> {
    const expectation = this.cases.get(name);
    if (!expectation) throw new Error(`not set up: ${name}`);
    const startMs = performance.now();
    const answer = await this.product.call("diagnose", expectation.ask);
    const ms = performance.now() - startMs;
    // More are needed while the product still reads what has just happened: logs of failed runs, lists that became old.
    const count = () => this.countRequests(expectation.ask);
    const requests = await waitUntil(`${name} needs at most 3 requests`, count, ({ length }) => length <= 3);
    this.note(name, answer, requests.length, ms);
    check(name, answer, expectation);
    return answer;
  }

  /** Asks a product whose record is empty. */
  async runCold(name: string, product: Product): Promise<void> {
    const expectation = this.cases.get(name);
    if (!expectation) throw new Error(`not set up: ${name}`);
    check(name, await product.call("diagnose", expectation.ask), expectation);
  }

  /** A second product with a record of its own. */
  startAnother(env: Readonly<Record<string, string>> = {}): Promise<Product> {
    const folder = mkdtempSync(join(this.folder, "another-"));
    return startProduct({ env: { ...this.prefect.productEnv(folder), ...env } });
  }

  /** Asks again while Prefect is stopped: the answer must meet the same expectation, from the record. */
  async runOffline(name: string): Promise<void> {
    const expectation = this.cases.get(name);
    if (!expectation) throw new Error(`not set up: ${name}`);
    const answer = await this.product.call("diagnose", expectation.ask);
    check(name, answer, expectation);
    expect(answer.structured.source).toBe("record");
  }

  private async countRequests(args: Record<string, string>): Promise<string[]> {
    const clock = systemClock;
    const client = createPrefectClient(
      { ...DEFAULT_CONNECTION, url: this.prefect.url },
      { clock, logger: silentLogger },
    );
    const db = openRecord(join(this.folder, recordFileName(client.url)), "read");
    const asked: string[] = [];
    const api: PrefectApi = new Proxy(client, {
      get(target, key) {
        const member = Reflect.get(target, key);
        if (typeof member !== "function") return member;
        return (...given: unknown[]) => {
          asked.push(String(key));
          return Reflect.apply(member, target, given);
        };
      },
    });
    const query = {
      record: () => db,
      api: () => api,
      clock,
      saveLive: () => undefined,
      // Not the default of a minute: a list that just became older than that would be read again.
      freshMs: 3_600_000,
      liveDeadlineMs: 300_000,
      uiUrl: null,
      instance: client.url,
    };
    await callWith(query, diagnoseTool, args);
    client.close();
    db.close();
    return asked;
  }

  private note(name: string, answer: ToolResult, requests: number, ms: number): void {
    const tokens = tokensOf(answer);
    if (!answer.isError) this.tokens.push(tokens);
    const official = OFFICIAL[name];
    const theirs = official ? `${official[0]} calls ${official[1]} tokens ${official[2]} requests` : "";
    this.rows.push(
      `${name.padEnd(34)} 1 call ${pad(tokens, 5)} tokens ${requests} requests ${pad(Math.round(ms), 4)} ms   ${theirs}`,
    );
  }

  /** Median of the tokens of all answers. */
  median(): number {
    return this.tokens.toSorted((a, b) => a - b)[Math.floor(this.tokens.length / 2)] ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.driver.stopHeartbeats();
    await this.product[Symbol.asyncDispose]();
    await this.prefect[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
    process.stderr.write(`${this.rows.join("\n")}\nmedian ${this.median()} tokens\n`);
  }
}

function pad(value: number, width: number): string {
  return String(value).padStart(width);
}

/** Of the larger channel: characters / 4. */
function tokensOf(answer: ToolResult): number {
  return Math.ceil(Math.max(answer.text.length, JSON.stringify(answer.structured).length) / 4);
}

function check(name: string, answer: ToolResult, expectation: Expectation): void {
  const causes: readonly Cause[] = answer.structured.causes ?? [];
  const summaries = causes.map((cause) => cause.summary).join("\n");
  const firstCause = JSON.stringify(causes[0] ?? null);
  const all = JSON.stringify(answer.structured);
  if (expectation.verdict)
    expect({ name, verdict: answer.structured.verdict, summaries }).toMatchObject({ verdict: expectation.verdict });
  for (const part of expectation.first ?? []) expect(firstCause).toMatch(part);
  for (const part of expectation.anywhere ?? []) expect(all).toMatch(part);
  for (const part of expectation.anywhere ?? []) expect(answer.text).toMatch(part);
  for (const part of expectation.never ?? []) expect(summaries).not.toMatch(part);
  expect(tokensOf(answer)).toBeLessThanOrEqual(MAX_TOKENS);
}
