import { largest } from "../../lib/lists.ts";
import { joined, type Line, oneLine, padded } from "../../lib/shown-text.ts";

/** Rows as lines; each column is as wide as its widest cell, two spaces apart. Pure. */
export function table(rows: readonly (readonly string[])[]): Line[] {
  const cells = rows.map((row) => row.map((cell) => oneLine(cell)));
  const columns = largest([0, ...cells.map((row) => row.length)]);
  const widths = Array.from({ length: columns }, (_, index) =>
    largest([0, ...cells.map((row) => Bun.stringWidth(row[index] ?? ""))]),
  );
  return cells.map((row) =>
    joined(
      row.map((cell, index) => (index === row.length - 1 ? cell : padded(cell, widths[index] ?? 0))),
      "  ",
    ),
  );
}
