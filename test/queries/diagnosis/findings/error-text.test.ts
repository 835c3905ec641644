import { expect, test } from "bun:test";
import { errorLinesEvidence, errorText, frameText } from "../../../../src/queries/diagnosis/findings/error-text.ts";
import { anErrorLine, aRunError } from "../../../support/diagnosis/facts.ts";

test("type and message, one of them where the other is missing", () => {
  expect<unknown>(errorText(aRunError())).toBe("KeyError: 'price'");
  expect<unknown>(errorText(aRunError({ message: "" }))).toBe("KeyError");
  expect<unknown>(errorText(aRunError({ type: null, message: "no such row" }))).toBe("no such row");
});

test("a frame is its function with the last two parts of the path, on every system", () => {
  const frame = { file: "C:\\srv\\flows\\etl.py", line: 41, function: "load_rows", code: "" };
  expect<unknown>(frameText(frame)).toBe("load_rows (flows/etl.py:41)");
});

test("the last two error lines are evidence, none is no evidence", () => {
  const lines = ["a", "b", "c"].map(anErrorLine);
  expect(errorLinesEvidence(aRunError({ lines }))).toMatchObject({ error_lines: [{ message: "b" }, { message: "c" }] });
  expect(errorLinesEvidence(aRunError())).toEqual({});
});
