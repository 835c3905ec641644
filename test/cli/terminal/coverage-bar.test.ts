import { expect, test } from "bun:test";
import { coverageBar } from "../../../src/cli/terminal/coverage-bar.ts";
import { UNICODE } from "../../../src/cli/terminal/drawing.ts";
import { painted } from "../../../src/cli/terminal/paint.ts";
import { addUs, HOUR_US } from "../../../src/lib/time.ts";
import { T0_US } from "../../support/builders.ts";

const at = (hours: number) => addUs(T0_US, hours * HOUR_US);
const bar = (length: number, ...ranges: readonly (readonly [number, number])[]) =>
  painted(
    coverageBar(
      ranges.map(([from, to]) => ({ fromUs: at(from), toUs: at(to) })),
      { fromUs: at(0), toUs: at(9) },
      length,
      UNICODE,
    ),
    false,
  );

test("a bar of coverage has gaps where nothing is covered, and a sign of its own for a part", () => {
  expect(bar(9, [0, 9])).toBe("█████████");
  expect(bar(9, [0, 3], [5.5, 9])).toBe("███░░▒███");
  expect(bar(9)).toBe("░░░░░░░░░");
  // A short gap is not rounded away.
  expect(bar(3, [0, 4], [4.01, 9])).toBe("█▒█");
  expect(bar(7, [0, 9])).toBe("███████");
  expect(bar(0, [0, 9])).toBe("");
});
