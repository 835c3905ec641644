import { largest } from "../../lib/lists.ts";
import { oneLine } from "../../lib/shown-text.ts";

/** Rows as lines; each column is as wide as its widest cell, two spaces apart. Pure. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const cells = rows.map((row) => row.map((cell) => oneLine(cell)));
  const columns = largest([0, ...cells.map((row) => row.length)]);
  const widths = Array.from({ length: columns }, (_, index) =>
    largest([0, ...cells.map((row) => Bun.stringWidth(row[index] ?? ""))]),
  );
  return cells.map((row) =>
    row
      .map((cell, index) => padded(cell, widths[index] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

function padded(cell: string, width: number): string {
  return cell + " ".repeat(Math.max(0, width - Bun.stringWidth(cell)));
}
