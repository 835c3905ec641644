import { counted, cutToColumns, type Line, oneLine } from "../../lib/shown-text.ts";
import type { SyncProgress } from "../../sync/sync-once.ts";
import type { Glyphs } from "./drawing.ts";
import type { Output } from "./output.ts";

const BAR_WIDTH = 24;
/** Without a terminal: one line when the phase changes, and one after each such interval. */
const LINE_EVERY_MS = 5000;

/** The noun of the rows that are counted in a phase. */
const ROWS = { objects: "object", runs: "run", logs: "run" } as const;

/** Progress of a sync: redrawn in place on a terminal, else plain lines. */
export interface ProgressView {
  show(progress: SyncProgress, nowMs: number): void;
  end(): void;
}

export function createProgressView(out: Output): ProgressView {
  let shownPhase = "";
  let shownMs = Number.NEGATIVE_INFINITY;
  let isDrawn = false;
  return {
    show(progress, nowMs) {
      if (out.isTerminal) {
        out.redraw(cutToColumns(progressLine(progress, out.glyphs), out.columns - 1));
        isDrawn = true;
        return;
      }
      if (progress.phase === shownPhase && nowMs - shownMs < LINE_EVERY_MS) return;
      shownPhase = progress.phase;
      shownMs = nowMs;
      out.line(progressLine(progress, null));
    },
    end() {
      if (isDrawn) out.line();
      isDrawn = false;
    },
  };
}

/**
 * `[████░░] 42 % events: 12,345 events, 250 pages, 260 requests, 1,200 events/s, 3 min left`, then what else is read, whose extent is not
 * known: `work pools: 57 objects so far, 263 requests`.
 */
export function progressLine(progress: SyncProgress, glyphs: Glyphs | null): Line {
  const { phase, reading, rows, events, pages, requests, eventsPerSecond, fraction, etaMs } = progress;
  if (phase === "objects" || phase === "runs" || phase === "logs") {
    const what = phase === "logs" ? "logs of failed runs" : reading;
    return oneLine(`${what}: ${counted(rows, ROWS[phase])} so far, ${counted(requests, "request")}`);
  }
  const share = Math.min(1, Math.max(0, fraction));
  const full = Math.round(share * BAR_WIDTH);
  const bar = glyphs === null ? "" : `[${glyphs.full.repeat(full)}${glyphs.empty.repeat(BAR_WIDTH - full)}] `;
  const parts = [
    counted(events, "event"),
    counted(pages, "page"),
    counted(requests, "request"),
    ...(eventsPerSecond > 0 ? [`${counted(Math.round(eventsPerSecond), "event")}/s`] : []),
    ...(etaMs === null || phase === "done" ? [] : [`${duration(etaMs)} left`]),
  ];
  return oneLine(`${bar}${Math.floor(share * 100)} % ${phase}: ${parts.join(", ")}`);
}

export function duration(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}
