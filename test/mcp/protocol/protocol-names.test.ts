import { expect, test } from "bun:test";
import * as sdk from "@modelcontextprotocol/server";
import * as names from "../../../src/mcp/protocol/protocol-names.ts";

test("names and numbers of the protocol are the SDK's", () => {
  expect(names.PROTOCOL_VERSION_KEY).toBe(sdk.PROTOCOL_VERSION_META_KEY);
  expect(names.CLIENT_INFO_KEY).toBe(sdk.CLIENT_INFO_META_KEY);
  expect(names.CLIENT_CAPABILITIES_KEY).toBe(sdk.CLIENT_CAPABILITIES_META_KEY);
  expect(names.RELATED_TASK_KEY).toBe(sdk.RELATED_TASK_META_KEY);
  expect(names.SUBSCRIPTION_ID_KEY).toBe(sdk.SUBSCRIPTION_ID_META_KEY);
  expect(names.INVALID_REQUEST_CODE).toBe(sdk.ProtocolErrorCode.InvalidRequest);
  expect(sdk.SUPPORTED_PROTOCOL_VERSIONS).toEqual(expect.arrayContaining([...names.LEGACY_REVISIONS]));
  expect(sdk.SUPPORTED_PROTOCOL_VERSIONS[0]).toBe(names.LEGACY_REVISIONS[0] ?? "");
});
