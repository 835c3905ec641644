import { describe, expect, test } from "bun:test";
import { errorOfRun } from "../../../../src/queries/diagnosis/facts/error-of-run.ts";
import { aFlowRun, aLog, anId, aState, aTaskRun } from "../../../support/builders.ts";

const failed = (message: string) => aFlowRun({ state_type: "FAILED", state: aState({ type: "FAILED", message }) });
const traceback = (type: string, message: string, frame = "load_rows") =>
  [
    `Encountered exception during execution: ${type}('${message}')`,
    "Traceback (most recent call last):",
    '  File "/srv/venv/lib/python3.11/site-packages/prefect/flow_engine.py", line 1330, in run_context',
    "    yield self",
    `  File "/srv/flows/etl.py", line 41, in ${frame}`,
    "    raise boom",
    `${type}: ${message}`,
  ].join("\n");
const errorLine = (message: string, over = {}) => aLog({ level: 40, message, ...over });

describe("the error of a run", () => {
  test("comes from the traceback, with the frame of user code", () => {
    const error = errorOfRun(
      failed("Flow run encountered an exception: KeyError: 'price'"),
      [],
      [errorLine(traceback("KeyError", "'price'"))],
    );
    expect(error).toMatchObject({
      type: "KeyError",
      message: "'price'",
      frame: { file: "/srv/flows/etl.py", line: 41, function: "load_rows" },
      lines: [],
    });
  });

  test("comes from the state message when there is no log", () => {
    const error = errorOfRun(failed("Flow run encountered an exception: OSError: disk 7 full"), [], []);
    expect(error).toMatchObject({ type: "OSError", message: "disk 7 full", frame: null });
  });

  test("is not an exception that was handled before", () => {
    const error = errorOfRun(
      failed("Flow run encountered an exception: RuntimeError: export aborted"),
      [],
      [
        errorLine(traceback("ConnectionError", "reset", "connect")),
        errorLine(traceback("RuntimeError", "export aborted", "export")),
      ],
    );
    expect(error).toMatchObject({ type: "RuntimeError", frame: { function: "export" } });
  });

  test("names the task whose log holds the traceback", () => {
    const tasks = [
      aTaskRun({ state_type: "FAILED" }),
      aTaskRun({ id: anId(5), name: "read_price", state_type: "FAILED" }),
    ];
    const log = errorLine(traceback("KeyError", "'price'"), { task_run_id: anId(5) });
    expect(errorOfRun(failed("KeyError: 'price'"), tasks, [log])?.task?.name).toBe("read_price");
  });

  test("has the error lines of the flow, without those of the engine", () => {
    const logs = [
      errorLine("disk quota exceeded"),
      errorLine("Finished in state Failed('x')"),
      aLog({ message: "ok" }),
    ];
    const error = errorOfRun(failed("12 of 400 rows were rejected"), [], logs);
    expect(error?.lines.map((line) => line.message)).toEqual(["disk quota exceeded"]);
    expect(error).toMatchObject({ type: null, message: "12 of 400 rows were rejected" });
  });

  test("is null when nothing shows one", () => {
    expect(errorOfRun(aFlowRun(), [], [aLog()])).toBeNull();
  });
});
