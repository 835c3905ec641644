/** The same random requests to a connection with plain calls and to one where the SDK answers everything: both write the same bytes. */
import { expect, test } from "bun:test";
import { type Era, plainCall } from "../../src/mcp/plain-calls.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import { ENVELOPE, markedTool, randomSession } from "./random-calls.ts";
import { connect } from "./stdio/connection.ts";

const INITIALIZE = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } };

interface Outgoing {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: { readonly requestId?: number | string; readonly name?: unknown; readonly reason?: unknown };
}

const parsed = (line: string): Outgoing => JSON.parse(line.replaceAll("NaN", "null"));

/**
 * The reference to a line of the log is random. Whether a call that does not wait is answered before its cancellation is read depends on
 * how fast it is, so answers to cancelled calls are left out.
 */
function comparable(written: readonly string[], sent: readonly string[]): string[] {
  const cancelled = new Set(sent.map((line) => parsed(line).params?.requestId).filter((id) => id !== undefined));
  return written
    .filter((line) => !cancelled.has(parsed(line).id ?? ""))
    .map((line) => line.replace(/under reference [0-9a-f]{8}/g, "under reference 0"))
    .toSorted();
}

async function play(era: Era, lines: readonly string[], usesPlainCalls: boolean) {
  const connection = connect(usesPlainCalls, markedTool);
  const answered = (id: string) =>
    waitUntil(`the answer to ${id}`, () => connection.lines().some((line) => line.includes(`"id":"${id}"`)));
  const opening =
    era === "2025"
      ? { method: "initialize", params: INITIALIZE }
      : { method: "tools/call", params: { name: "instance", arguments: {}, _meta: ENVELOPE } };
  connection.send(JSON.stringify({ jsonrpc: "2.0", id: "opening", ...opening }));
  await answered("opening");
  for (const line of lines) connection.send(line);
  // The last request is answered by the SDK on both connections; what is cancelled before it is not answered.
  const last = { name: "echo", arguments: { text: "last" }, ...(era === "2026" ? { _meta: ENVELOPE } : {}), other: 1 };
  connection.send(JSON.stringify({ jsonrpc: "2.0", id: "last", method: "tools/call", params: last }));
  await answered("last");
  await connection.end();
  const { seen } = connection.tenant;
  await waitUntil("the end of the calls that wait", () => seen.aborted === seen.begun);
  return { lines: comparable(connection.lines(), lines), begun: seen.begun };
}

for (const era of ["2025", "2026"] as const) {
  test(`${era}: thousands of random calls get the same bytes as from the SDK`, async () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const lines = randomSession(era, seed, 500);
      const accepted = era === "2026" ? ENVELOPE : null;
      const plain = lines.filter((line) => plainCall(parsed(line), era, accepted) !== null);
      expect(plain.length).toBeGreaterThan(120);
      const [own, sdk] = [await play(era, lines, true), await play(era, lines, false)];
      expect(own).toEqual(sdk);
    }
  });
}

test("a call before the SDK has answered a first request is left to the SDK, whatever it is", async () => {
  const line = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "instance" } });
  const written: (readonly string[])[] = [];
  for (const usesPlainCalls of [true, false]) {
    const connection = connect(usesPlainCalls, markedTool);
    connection.send(line);
    await waitUntil("an answer", () => connection.lines().length > 0);
    await connection.end();
    written.push(connection.lines());
  }
  expect(written[0]).toEqual(written[1] ?? []);
});

test("a cancelled call ends and is not answered; a cancellation that the protocol does not allow is ignored", async () => {
  const connection = connect(true, markedTool);
  const { seen } = connection.tenant;
  const send = (message: object) => connection.send(JSON.stringify({ jsonrpc: "2.0", ...message }));
  const cancel = (params: object) => send({ method: "notifications/cancelled", params });
  send({ id: 1, method: "initialize", params: INITIALIZE });
  await waitUntil("the handshake", () => connection.lines().length === 1);
  for (const id of [2, 3]) send({ id, method: "tools/call", params: { name: "wait", _meta: { progressToken: id } } });
  await waitUntil("both calls", () => seen.begun === 2);
  cancel({ requestId: 3, reason: 5 });
  cancel({ requestId: 2, reason: "given up" });
  await waitUntil("the end of one", () => seen.aborted === 1);
  send({ id: 4, method: "tools/call", params: { name: "count_up", _meta: { progressToken: "p" } } });
  await waitUntil("the last answer", () => connection.lines().length === 5);
  expect(
    connection
      .lines()
      .slice(1)
      .map((line) => JSON.parse(line).id ?? JSON.parse(line).params.progressToken),
  ).toEqual(["p", "p", "p", 4]);
  await connection.end();
  await waitUntil("the end of the other", () => seen.aborted === 2);
});
