import { expect, test } from "bun:test";
import { AppError } from "../../src/errors.ts";
import { errorResult } from "../../src/mcp/call-result.ts";

test("an error is stated in text and in structured content", () => {
  const error = new AppError("rate_limited", "too many requests", { hint: "Wait.", retryAfterMs: 1_500 });
  expect(errorResult(error)).toEqual({
    content: [{ type: "text", text: "Error rate_limited: too many requests\nHint: Wait.\nRetryable: yes after 2 s" }],
    structuredContent: {
      code: "rate_limited",
      message: "too many requests",
      hint: "Wait.",
      retryable: true,
      retry_after_seconds: 2,
    },
    isError: true,
  });
});
