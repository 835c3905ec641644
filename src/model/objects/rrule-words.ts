/**
 * Recurrence rules in words. In the bundle this module and its library are text that is compiled at first use (`ON_DEMAND` in
 * `scripts/build.ts`): they are large, and most processes never show such a rule.
 */
import { RRuleTemporal } from "rrule-temporal";
import { toText } from "rrule-temporal/totext";

/** `6:30 AM GMT+1`, as the library writes it. The zone's offset is that of winter, so the caller names the zone instead. */
const TIME_OF_DAY = /\b(\d{1,2})(:\d\d)? (AM|PM)(?: (?:GMT[+-]\d+(?::\d\d)?|[A-Z]{2,5})\b)?/g;

/**
 * `every week on Monday at 09:00`, or null where the words would not say the whole rule: the library has one word, "last", for
 * every negative position, and reads one rule without exceptions. `DTSTART` only fixes the phase. `zone`: an IANA name.
 */
export function rruleWords(text: string, zone: string): string | null {
  const lines = text.split(/[\r\n]+/).flatMap((line) => line.split(/(?<!\s)\s+(?=RRULE:)/i));
  const rules = lines
    .map((line) => line.trim())
    .filter((line) => line !== "" && !/^DTSTART/i.test(line))
    .map((line) => line.replace(/^RRULE:/i, ""));
  const [rule] = rules;
  if (rule === undefined || rules.length > 1 || /-(?!1(?!\d))\d/.test(rule) || !/^FREQ=|;FREQ=/i.test(rule))
    return null;
  try {
    const words = toText(new RRuleTemporal({ rruleString: `DTSTART;TZID=${zone}:20260101T000000\nRRULE:${rule}` }));
    return words.replace(TIME_OF_DAY, (_, hour: string, minute = ":00", half: string) => {
      const hours = (Number(hour) % 12) + (half === "PM" ? 12 : 0);
      return `${String(hours).padStart(2, "0")}${minute}`;
    });
  } catch {
    return null;
  }
}
