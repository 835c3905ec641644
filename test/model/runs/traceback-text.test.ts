import { describe, expect, test } from "bun:test";
import { withoutLibraryFrames } from "../../../src/model/runs/traceback-text.ts";

const PREFECT = "/srv/venv/lib/python3.11/site-packages/prefect/flow_engine.py";
const USER = `  File "/srv/flows/flows.py", line 14, in parse_amount
    return int(raw)
           ^^^^^^^^`;
const library = (count: number) =>
  Array.from({ length: count }, (_, n) => `  File "${PREFECT}", line ${n}, in run\n    yield self\n    ~~~~~^^^^`).join(
    "\n",
  );

describe("a traceback in brief", () => {
  test("keeps the user's frames, the exceptions and all other text", () => {
    const text = `Encountered exception during execution: ValueError("bad")
Traceback (most recent call last):
${library(14)}
${USER}
ValueError: invalid literal
    with an indented second line

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
${USER}
${library(1)}
app.Failure: no amount
`;
    expect(withoutLibraryFrames(text)).toBe(`Encountered exception during execution: ValueError("bad")
Traceback (most recent call last):
  … 14 frames of libraries
${USER}
ValueError: invalid literal
    with an indented second line

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
${USER}
  … 1 frame of libraries
app.Failure: no amount
`);
  });

  test("ends with the number of frames when the text was cut there", () => {
    expect(withoutLibraryFrames(`Traceback (most recent call last):\n${library(3)}`)).toBe(
      "Traceback (most recent call last):\n  … 3 frames of libraries",
    );
  });

  test("of an exception group keeps what its bars enclose", () => {
    const barred = (text: string) => text.replace(/^/gm, "  | ");
    const text = `  + Exception Group Traceback (most recent call last):
${barred(library(2))}
${barred(USER)}
  | ExceptionGroup: two (2 sub-exceptions)`;
    expect(withoutLibraryFrames(text)).toBe(`  + Exception Group Traceback (most recent call last):
  … 2 frames of libraries
${barred(USER)}
  | ExceptionGroup: two (2 sub-exceptions)`);
  });

  test("is the text itself without a traceback", () => {
    for (const text of ["", "plain", library(2), '  File "x.py", line 3'])
      expect(withoutLibraryFrames(text)).toBe(text);
  });
});
