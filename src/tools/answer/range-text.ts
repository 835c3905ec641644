import { type Sentence, sentence } from "../../lib/shown-text.ts";
import { DAY_US, formatIsoSeconds, type ServerUs } from "../../lib/time.ts";

interface Range {
  readonly fromUs: ServerUs;
  readonly toUs: ServerUs;
}

/** Ranges without a beginning start in 1970, which is no date that a reader would recognize. */
export function isSinceEver(fromUs: ServerUs): boolean {
  return fromUs < DAY_US;
}

/** A range that is covered: `2026-01-30T00:00:00Z to 2026-01-31T00:00:00Z`, `all of it up to 2026-01-31T00:00:00Z`. */
export function rangeText({ fromUs, toUs }: Range): Sentence {
  const end = formatIsoSeconds(toUs);
  return isSinceEver(fromUs) ? sentence`all of it up to ${end}` : sentence`${formatIsoSeconds(fromUs)} to ${end}`;
}

/** A range that is missing: the same, `everything before 2026-01-31T00:00:00Z`, or a single moment. */
export function gapText({ fromUs, toUs }: Range): Sentence {
  const end = formatIsoSeconds(toUs);
  if (fromUs === toUs) return sentence`${end}`;
  return isSinceEver(fromUs) ? sentence`everything before ${end}` : rangeText({ fromUs, toUs });
}
