/** One result of `doctor`. */
export interface DoctorFinding {
  /** `fix`: something does not work until a person changes it. `warn`: it works, but less well or less safely. */
  readonly level: "ok" | "warn" | "fix";
  readonly area: "settings" | "api" | "websocket" | "clock" | "files" | "record" | "client";
  readonly what: Sentence;
  /** What to do about it. */
  readonly fix?: Sentence;
}

import type { Sentence } from "../../lib/shown-text.ts";
