import { localTime } from "./time.ts";

/** A time of an answer in the zone of the page; its tooltip and its markup have it as it was given. */
export function ZonedTime({ at }: { at: string | null }) {
  if (at === null) return null;
  return (
    <time dateTime={at} title={at}>
      {localTime(at)}
    </time>
  );
}
