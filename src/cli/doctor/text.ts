import { type Line, own, sentence } from "../../lib/shown-text.ts";
import { table } from "../terminal/table.ts";
import { type DoctorReport, exitCodeOf } from "./checks.ts";

/** For programs: every setting, every finding. */
export function doctorJson(report: DoctorReport): unknown {
  return {
    ok: exitCodeOf(report) === 0,
    findings: report.findings,
    settings: report.settings.map(({ name, shown, origin, isDefault }) => ({
      name,
      value: shown,
      origin,
      default: isDefault,
    })),
  };
}

/** Shown even at their defaults, because a person looks for them first. */
const ALWAYS: ReadonlySet<string> = new Set(["PREFECT_API_URL", "PREFECT_PROFILE", "PREFECT_MCP_DATA_DIR"]);

/** For people. Pure. */
export function doctorLines(report: DoctorReport): Line[] {
  const shown = report.settings.filter(({ name, isDefault }) => !isDefault || ALWAYS.has(name));
  const others = report.settings.length - shown.length;
  const fixes = report.findings.filter(({ level }) => level === "fix").length;
  return [
    own("Settings"),
    ...table(shown.map((value) => [`  ${value.name}`, value.shown, value.origin])),
    sentence`  (${others} others have their defaults; --json lists all)`,
    own(""),
    own("Findings"),
    ...report.findings.flatMap(({ level, what, fix }) => [
      sentence`  ${level === "ok" ? "ok  " : level === "warn" ? "WARN" : "FIX "}  ${what}`,
      ...(fix ? [sentence`        -> ${fix}`] : []),
    ]),
    own(""),
    fixes === 0 ? own("All well.") : sentence`${fixes} ${fixes === 1 ? "thing" : "things"} to fix.`,
  ];
}
