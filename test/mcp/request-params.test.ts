import { describe, expect, test } from "bun:test";
import { invalidParams } from "../../src/mcp/request-params.ts";

const request = (method: string, params?: unknown) => ({ jsonrpc: "2.0", id: "a", method, params });
const REF = 'is neither "ref/prompt" nor "ref/resource"';

describe("invalid parameters", () => {
  test.each<[string, unknown, string]>([
    ["resources/read", {}, "params.uri must be a string."],
    ["resources/read", undefined, "params.uri must be a string."],
    ["resources/subscribe", { uri: 5 }, "params.uri must be a string."],
    ["tools/call", { name: null }, "params.name must be a string."],
    ["tools/call", { name: "x", arguments: [] }, "params.arguments must be an object."],
    ["tools/list", { cursor: 5 }, "params.cursor must be a string."],
    ["prompts/get", { name: "x", arguments: { days: 7 } }, "params.arguments.days must be a string."],
    ["completion/complete", {}, `params.ref ${REF}.`],
    ["completion/complete", { ref: { type: "ref/x" } }, `params.ref.type ${REF}.`],
    ["completion/complete", { ref: { type: "ref/prompt", name: "x" } }, "params.argument must be an object."],
  ])("%s %j", (method, params, fault) => {
    const error = { code: -32602, message: `Invalid params: ${fault}` };
    expect<unknown>(invalidParams(request(method, params))).toEqual({ jsonrpc: "2.0", id: "a", error });
  });

  test.each<[unknown]>([
    [request("tools/list")],
    [request("tools/call", { name: "x", _meta: { progressToken: 1 } })],
    [request("completion/complete", { ref: { type: "ref/resource", uri: "a" }, argument: { name: "a", value: "" } })],
    [request("toString", {})],
    [request("resources/subscribe", { _meta: { "io.modelcontextprotocol/protocolVersion": "2026-07-28" } })],
    [request("own/method", { cursor: 5 })],
    [{ jsonrpc: "2.0", method: "resources/read" }],
    [[request("resources/read")]],
    [null],
    [undefined],
  ])("%j is valid", (message) => {
    expect(invalidParams(message)).toBeNull();
  });
});
