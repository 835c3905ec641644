import { describe, expect, test } from "bun:test";
import { errorFingerprint, normaliseErrorText } from "../../../src/model/runs/error-fingerprint.ts";
import { parseStateMessage, parseTraceback } from "../../../src/model/runs/traceback.ts";
import { expectLinear } from "../../support/time/growth.ts";

const PREFECT = "/srv/venv/lib/site-packages/prefect/flow_engine.py";
const PLAIN = `Encountered exception during execution: ValueError("bad")
Traceback (most recent call last):
  File "${PREFECT}", line 1330, in run_context
    yield self
  File "/srv/flows/flows.py", line 19, in load
    return parse_amount(raw)
           ^^^^^^^^^^^^^^^^^
  File "/srv/flows/flows.py", line 14, in parse_amount
    def parse_amount(raw): return int(raw)
                                  ^^^^^^^^
ValueError: invalid literal for int() with base 10: '12,50'`;

describe("parseTraceback", () => {
  test("gives the exception, its whole message and the last frame in user code", () => {
    const traceback = parseTraceback(PLAIN);
    expect(traceback?.raised.type).toBe("ValueError");
    expect(traceback?.raised.message).toBe("invalid literal for int() with base 10: '12,50'");
    expect(traceback?.raised.userFrame).toEqual({
      file: "/srv/flows/flows.py",
      line: 14,
      function: "parse_amount",
      code: "def parse_amount(raw): return int(raw)",
    });
    expect(traceback?.exceptions).toHaveLength(1);
  });

  test("ignores frames of Prefect, packages and Python below the user's", () => {
    const text = `Traceback (most recent call last):
  File "/srv/flows/a.py", line 3, in main
    requests.get(url)
  File "/srv/venv/lib/python3.11/site-packages/requests/api.py", line 73, in get
    return request("get", url)
  File "/usr/lib/python3.11/socket.py", line 1, in connect
    boom
requests.exceptions.ConnectionError: refused
second line of it`;
    const raised = parseTraceback(text)?.raised;
    expect(raised?.type).toBe("ConnectionError");
    expect(raised?.message).toBe("refused\nsecond line of it");
    expect(raised?.userFrame?.function).toBe("main");
  });

  test("finds the root of a chain of direct causes", () => {
    const text = `Traceback (most recent call last):
  File "/srv/flows/a.py", line 3, in read
    d["x"]
KeyError: 'x'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/srv/flows/a.py", line 9, in main
    raise RuntimeError("config") from error
RuntimeError: config`;
    const traceback = parseTraceback(text);
    expect(traceback?.raised.type).toBe("RuntimeError");
    expect(traceback?.root.type).toBe("KeyError");
  });

  test("returns the exception that was raised while another one was handled", () => {
    const text = `Traceback (most recent call last):
  File "/srv/flows/flows.py", line 73, in tooslow
    def tooslow(): time.sleep(4)
prefect._internal.concurrency.cancellation.CancelledError

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "${PREFECT}", line 1322, in run_context
    with timeout_context(
prefect.flow_engine.FlowRunTimeoutError: Scope timed out after 1.0 second(s).`;
    const traceback = parseTraceback(text);
    expect(traceback?.exceptions.map((one) => one.type)).toEqual(["CancelledError", "FlowRunTimeoutError"]);
    expect(traceback?.root.type).toBe("FlowRunTimeoutError");
    expect(traceback?.raised.userFrame).toBeNull();
  });

  test("is null for text without a traceback", () => {
    expect(parseTraceback("Finished in state Failed()")).toBeNull();
  });
});

describe("parseStateMessage", () => {
  test.each([
    [
      "Flow run encountered an exception: RuntimeError: 503 upstream",
      { type: "RuntimeError", message: "503 upstream" },
    ],
    ["Task run encountered an exception ValueError: bad", { type: "ValueError", message: "bad" }],
    ["Flow run encountered an exception: prefect.exceptions.MissingResult", { type: "MissingResult", message: "" }],
    [
      "Flow run failed due to timeout: TimeoutError('Flow run exceeded timeout of 2.0 second(s)')",
      { type: "TimeoutError", message: "Flow run exceeded timeout of 2.0 second(s)" },
    ],
    ["Task run failed due to timeout: httpx.ReadTimeout()", { type: "ReadTimeout", message: "" }],
    ["Process exited with status code: 137.", null],
  ])("%s", (message, expected) => {
    expect(parseStateMessage(message)).toEqual(expected);
  });
});

test("an error text takes time proportional to its length", () => {
  expectLinear((size) => expect(normaliseErrorText("a".repeat(size))).toBe("a".repeat(300)), 20_000);
  const head = "Traceback (most recent call last):";
  expectLinear((size) => expect(parseTraceback(`${head}${"\n".repeat(size)} x`)).toBeNull(), 20_000);
});

describe("errorFingerprint", () => {
  const frame = { file: "/a/b.py", line: 3, function: "f", code: null };
  test("is the same for other ids and numbers", () => {
    const one = {
      type: "LookupError",
      message: "no customer 4711 in shard eu-3 (req 01a202fd-3d48-7ea5-a14a-5576b2b6d8bf)",
      frame,
    };
    const two = {
      type: "LookupError",
      message: "no customer 9 in shard eu-12 (req 01a202fd-3d4c-7a02-918b-3100301d4481)",
      frame: { ...frame, line: 9 },
    };
    expect(errorFingerprint(one)).toBe(errorFingerprint(two));
  });
  test("differs by type, words and place", () => {
    const base = { type: "KeyError", message: "'price'", frame };
    const others = [
      { ...base, type: "ValueError" },
      { ...base, message: "'amount'" },
      { ...base, frame: { ...frame, function: "g" } },
    ];
    expect(new Set([base, ...others].map(errorFingerprint)).size).toBe(4);
  });
  test("removes times and addresses", () => {
    expect(normaliseErrorText("at 2026-11-22T10:00:00.5Z <obj 0x7f3a> after 1.5s")).toBe("at # <obj #> after #");
  });
});
