import { describe, expect, test } from "bun:test";
import { parseJson } from "../../src/lib/exact-json.ts";
import { invalidRequest, normalizeMessage } from "../../src/mcp/incoming.ts";

const request = (params: unknown, method = "tools/list") => ({ jsonrpc: "2.0", id: 1, method, params });
const plain = { jsonrpc: "2.0", id: 1, method: "tools/list" };

describe("deviations of clients", () => {
  test.each([
    ["params", request(null), plain],
    ["params._meta", request({ _meta: null }), request({})],
    ["params._meta.progressToken", request({ _meta: { progressToken: null, a: 1 } }), request({ _meta: { a: 1 } })],
    ["params.cursor", request({ cursor: null }), request({})],
    ["params.arguments", request({ name: "x", arguments: null }, "tools/call"), request({ name: "x" }, "tools/call")],
  ])("a null as %s means that it is absent", (_, written, meant) => {
    expect(normalizeMessage(written)).toEqual(meant);
  });

  test("several nulls at once are dropped, also in a notification", () => {
    expect(normalizeMessage(request({ _meta: null, cursor: null, arguments: null }))).toEqual(request({}));
    const notification = { jsonrpc: "2.0", method: "notifications/initialized", params: null };
    expect(normalizeMessage(notification)).toEqual({ jsonrpc: "2.0", method: "notifications/initialized" });
  });

  test("arguments of a call given as JSON text are parsed", () => {
    const written = request({ name: "x", arguments: '{"a":[1,null]}' }, "tools/call");
    expect(normalizeMessage(written)).toEqual(request({ name: "x", arguments: { a: [1, null] } }, "tools/call"));
  });

  test("exact numbers stay in the arguments of tools only", () => {
    const text =
      '{"id":1.0,"method":"tools/call","params":{"name":"x","arguments":{"n":1.0},"_meta":{"progressToken":2.0}}}';
    expect(JSON.stringify(normalizeMessage(parseJson(text)))).toBe(
      '{"id":1,"method":"tools/call","params":{"name":"x","arguments":{"n":1.0},"_meta":{"progressToken":2}}}',
    );
    expect(normalizeMessage(parseJson('{"id":1e2,"method":"ping"}'))).toEqual({ id: 100, method: "ping" });
  });

  test("each message of a batch is corrected", () => {
    const batch = [request({ a: 1 }), request(null), 5];
    expect(normalizeMessage(batch)).toEqual([request({ a: 1 }), plain, 5]);
  });

  test("arrays nested too deep for any stack are left as they are", () => {
    const nested = JSON.parse("[".repeat(1_000_000) + "]".repeat(1_000_000));
    expect(normalizeMessage(nested) === nested).toBe(true);
  });

  test.each<[string, unknown]>([
    [
      "a message without nulls",
      request({ name: "x", arguments: { a: null }, _meta: { progressToken: 0 } }, "tools/call"),
    ],
    ["a text that is no JSON", request({ arguments: "{a" }, "tools/call")],
    ["a text of JSON that is no object", request({ arguments: "[1]" }, "tools/call")],
    ["a text as arguments of something else", request({ arguments: "{}" }, "prompts/get")],
    ["params that are a list", request([null])],
    ["an answer", { jsonrpc: "2.0", id: 1, result: { params: null }, params: null }],
    ["a batch of such", [request({ a: null }), 5, null]],
    ["a number", 5],
    ["null", null],
  ])("%s stays the same object", (_, message) => {
    const before = structuredClone(message);
    expect(normalizeMessage(message)).toBe(message);
    expect(message).toEqual(before);
  });
});

describe("an invalid message", () => {
  test.each<[unknown, string | number | null, string]>([
    [{ id: 4, method: "ping" }, 4, 'jsonrpc must be "2.0".'],
    [{ jsonrpc: "2.0", id: "a" }, "a", "method must be a string."],
    [{ jsonrpc: "2.0", id: 1.5, method: "ping" }, 1.5, "id must be a string or an integer."],
    [{ jsonrpc: "2.0", id: null, method: "ping" }, null, "id must be a string or an integer."],
    [{ jsonrpc: "2.0", id: 4, method: "ping", params: [] }, 4, "params must be an object."],
    [
      { jsonrpc: "2.0", id: 4, method: "ping", meta: {} },
      4,
      "a request has no members beside jsonrpc, id, method and params.",
    ],
    [{ jsonrpc: "2.0", id: 4, method: "ping", params: { _meta: 5 } }, 4, "params._meta is not valid."],
    [[plain], null, "batches are not supported; send one message per line."],
    [[], null, "batches are not supported; send one message per line."],
  ])("%j is answered with id %p", (message, id, fault) => {
    expect<unknown>(invalidRequest(message)).toEqual({
      jsonrpc: "2.0",
      id,
      error: { code: -32600, message: `Invalid request: ${fault}` },
    });
  });

  test.each<unknown>([
    { jsonrpc: "1.0", method: "notifications/initialized" },
    { jsonrpc: "2.0", method: 5 },
    { jsonrpc: "2.0", id: 4, result: 5 },
    { jsonrpc: "2.0", id: 4, error: {} },
    { id: null },
    {},
    5,
    "text",
    null,
  ])("%j gets no answer", (message) => {
    expect(invalidRequest(message)).toBeNull();
  });
});
