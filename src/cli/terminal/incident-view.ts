/** Incidents as lines: on a terminal with a status line below them that is redrawn in place. */
import {
  asName,
  counted,
  cutToColumns,
  joined,
  type Line,
  lineOf,
  oneLine,
  type Sentence,
  sentence,
} from "../../lib/shown-text.ts";
import { formatIsoSeconds, type ServerUs } from "../../lib/time.ts";
import { endedUs, type IncidentChangeKind } from "../../queries/incidents/incident-changes.ts";
import type { NamedIncident } from "../../queries/incidents/incidents.ts";
import type { Output } from "./output.ts";
import { cutPainted, type PaintedLine, type Tone } from "./paint.ts";

export interface IncidentView {
  /** An incident that was open when the watch began. */
  open(incident: NamedIncident): void;
  change(kind: IncidentChangeKind, incident: NamedIncident): void;
  line(text: Line): void;
  /** The line at the bottom of a terminal; elsewhere a line where it differs from the last one. */
  status(text: Sentence): void;
  end(): void;
}

export function createIncidentView(out: Output): IncidentView {
  let shown: Sentence | null = null;
  const draw = () => {
    if (shown !== null && out.isTerminal) out.redraw(cutToColumns(shown, out.columns - 1));
  };
  const write = (...line: PaintedLine) => {
    if (out.isTerminal) out.redraw(sentence``);
    out.paint([out.isTerminal ? cutPainted(line, out.columns, oneLine(out.glyphs.cut)) : line]);
    draw();
  };
  return {
    open: (one) => write(...incidentLine(one.incident.lastUs, one.incident.state, one)),
    change: (kind, one) => write(...incidentLine(endedUs(one.incident) ?? one.incident.lastUs, kind, one)),
    line: (text) => write({ text }),
    status(text) {
      const isNew = text !== shown;
      shown = text;
      if (out.isTerminal) draw();
      else if (isNew) out.line(text);
    },
    end() {
      if (out.isTerminal && shown !== null) out.line();
    },
  };
}

const MAX_OWNERS = 3;

const TONES: Readonly<Record<string, Tone>> = { recovered: "good", closed: "quiet", new: "late", opened: "late" };

/** `2026-01-31T09:00:00Z repeated ConnectTimeout: … (4 failures in sales/load and 2 more, incident 0123456789ab)` */
function incidentLine(
  atUs: ServerUs,
  word: string,
  { incident, title, deployments, flows }: NamedIncident,
): PaintedLine {
  const owners = [...deployments, ...flows];
  const names = owners.slice(0, MAX_OWNERS).map(({ id, name }) => asName(name ?? id));
  const more = owners.length > MAX_OWNERS ? sentence` and ${owners.length - MAX_OWNERS} more` : "";
  const count = counted(incident.failures.length, "failure");
  return [
    { text: lineOf`${formatIsoSeconds(atUs)} `, tone: "quiet" },
    { text: asName(word), tone: TONES[word] ?? "bad" },
    {
      text: lineOf` ${oneLine(title)} (${count} in ${joined(names, ", ")}${more}, incident ${asName(incident.id)})`,
    },
  ];
}
