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
import { formatIsoSeconds } from "../../lib/time.ts";
import { endedUs, type IncidentChangeKind } from "../../queries/incidents/incident-changes.ts";
import type { NamedIncident } from "../../queries/incidents/incidents.ts";
import type { Output } from "./output.ts";

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
  const write = (text: Line) => {
    if (out.isTerminal) out.redraw(sentence``);
    out.line(out.isTerminal ? cutToColumns(text, out.columns, "…") : text);
    draw();
  };
  return {
    open: (incident) =>
      write(lineOf`${formatIsoSeconds(incident.incident.lastUs)} ${incidentText(incident.incident.state, incident)}`),
    change(kind, one) {
      write(lineOf`${formatIsoSeconds(endedUs(one.incident) ?? one.incident.lastUs)} ${incidentText(kind, one)}`);
    },
    line: write,
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

/** `repeated ConnectTimeout: … (4 failures in sales/load and 2 more, incident 0123456789ab)` */
function incidentText(word: string, { incident, title, deployments, flows }: NamedIncident): Line {
  const owners = [...deployments, ...flows];
  const names = owners.slice(0, MAX_OWNERS).map(({ id, name }) => asName(name ?? id));
  const more = owners.length > MAX_OWNERS ? sentence` and ${owners.length - MAX_OWNERS} more` : "";
  const count = counted(incident.failures.length, "failure");
  return lineOf`${asName(word)} ${oneLine(title)} (${count} in ${joined(names, ", ")}${more}, incident ${asName(incident.id)})`;
}
