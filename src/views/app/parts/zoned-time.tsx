import { localTime, type TimeForm, timeBeside } from "./time.ts";

interface ZonedTimeProps {
  readonly at: string | null;
  /** A time beside this one: the day is left out where it is the same. */
  readonly beside?: string | null | undefined;
  readonly form?: TimeForm;
}

/** A time of an answer in the zone of the page; its tooltip and its markup have it as it was given. */
export function ZonedTime({ at, beside, form }: ZonedTimeProps) {
  if (at === null) return null;
  return (
    <time dateTime={at} title={at}>
      {beside ? timeBeside(at, beside, form) : localTime(at, form)}
    </time>
  );
}

/** The window of an answer. */
export function WindowTimes({ from, to }: { from: string | null; to: string | null }) {
  return (
    <small class="quiet">
      <ZonedTime at={from} form="minutes" /> to <ZonedTime at={to} form="minutes" />
    </small>
  );
}
