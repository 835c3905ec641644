import { expect, test } from "bun:test";
import { UNICODE } from "../../../src/cli/terminal/drawing.ts";
import { createIncidentView } from "../../../src/cli/terminal/incident-view.ts";
import type { Output } from "../../../src/cli/terminal/output.ts";
import { painted } from "../../../src/cli/terminal/paint.ts";
import { own } from "../../../src/lib/shown-text.ts";
import type { NamedIncident } from "../../../src/queries/incidents/incidents.ts";
import { anId, T0_US } from "../../support/builders.ts";

const COLUMNS = 70;
const CLEAR = "\u001b[K";
const CONTROLS = new RegExp(`(\r|\n|${RegExp.escape(CLEAR)})`);
const failure = (n: number) => ({
  run: { id: anId(n), name: `bad-${n}`, flow_id: anId(1) },
  runId: anId(n),
  flowId: anId(1),
  deploymentId: anId(2),
  workPoolName: null,
  stateName: "Failed",
  atUs: T0_US,
  retriedUs: null,
});
const incident = (closedUs: number | null, title = "ConnectTimeout: no answer"): NamedIncident => ({
  incident: {
    id: "0123456789ab",
    fingerprint: "FAILED|ConnectTimeout",
    state: closedUs === null ? "ongoing" : "closed",
    firstUs: T0_US,
    lastUs: T0_US,
    recoveredUs: null,
    closedUs,
    recoveries: 0,
    failures: [failure(11), failure(12)],
    parents: [],
  },
  title,
  deployments: [{ id: anId(2), name: "sales/load" }],
  flows: [],
  firstBad: null,
});

/** What a terminal shows: `\r` goes to the first column, `ESC [K` clears the rest of the line. */
class Screen {
  readonly rows = [""];
  private column = 0;

  write(text: string): void {
    for (const part of text.split(CONTROLS)) {
      const row = this.rows.at(-1) ?? "";
      if (part === "\r") this.column = 0;
      else if (part === "\n") {
        this.rows.push("");
        this.column = 0;
      } else if (part === CLEAR) this.rows[this.rows.length - 1] = row.slice(0, this.column);
      else {
        this.rows[this.rows.length - 1] = row.slice(0, this.column) + part + row.slice(this.column + part.length);
        this.column += part.length;
      }
    }
  }
}

function opened(isTerminal: boolean) {
  const screen = new Screen();
  const out: Output = {
    isTerminal,
    columns: COLUMNS,
    drawsPictures: false,
    glyphs: UNICODE,
    paint: (lines) => screen.write(lines.map((line) => `${painted(line, false)}\n`).join("")),
    line: (text) => screen.write(`${text ?? ""}\n`),
    lines: () => undefined,
    json: () => undefined,
    redraw: (text) => screen.write(`\r${text}${CLEAR}`),
    ask: () => undefined,
    note: () => undefined,
    flush: async () => undefined,
  };
  return { screen, view: createIncidentView(out) };
}

test("on a terminal the status line stays below the incidents, each cut to one row", () => {
  const { screen, view } = opened(true);
  view.status(own("following prefect: 1 open incident"));
  view.open(incident(null, `ConnectTimeout: ${"no answer ".repeat(20)}`));
  view.status(own("following prefect: none"));
  view.change("closed", incident(T0_US + 60_000_000));
  expect(screen.rows).toHaveLength(3);
  expect(screen.rows[0]).toStartWith("2026-08-20T09:15:00Z ongoing ConnectTimeout: no answer");
  expect(screen.rows[0]).toHaveLength(COLUMNS);
  expect(screen.rows[1]).toStartWith("2026-08-20T09:16:00Z closed ConnectTimeout: no answer");
  expect(screen.rows[2]).toBe("following prefect: none");
  view.end();
  expect(screen.rows.at(-1)).toBe("");
});

test("elsewhere nothing is redrawn, lines are whole, and a status is a line when it differs", () => {
  const { screen, view } = opened(false);
  for (const text of ["one", "one", "two"] as const) view.status(own(text));
  view.change("repeated", incident(null, `ConnectTimeout: ${"no answer ".repeat(20)}`));
  view.end();
  expect(screen.rows.slice(0, 2)).toEqual(["one", "two"]);
  expect(screen.rows[2]).toEndWith("(2 failures in sales/load, incident 0123456789ab)");
  expect(screen.rows).toHaveLength(4);
});
