/** Navigation between pages, and the page that is open. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { View } from "../calls.ts";
import type { Place } from "./address.ts";
import type { Args, Connection } from "./connection/connection.ts";
import { PAGES } from "./pages/index.ts";

interface ShellProps {
  readonly connection: Connection;
  readonly first: Place;
  /** Pages that this connection can open. A file holds only the calls that were made for it. */
  readonly views: readonly View[];
  /** Called when another page is opened: the browser keeps it in the address. */
  onPlace(place: Place): void;
  /** Calls back when the browser goes back or forward. Returns what ends it. */
  readonly onMove?: (move: (place: Place) => void) => () => void;
}

const AGE_EVERY_MS = 10_000;

export function Shell({ connection, first, views, onPlace, onMove }: ShellProps) {
  const [place, setPlace] = useState(first);
  const [nowMs, setNowMs] = useState(Date.now());
  useEffect(() => connection.onChange(() => setNowMs(Date.now())), [connection]);
  const [isLive, setLive] = useState(true);
  useEffect(() => connection.onLive?.(setLive), [connection]);
  // Ages grow while nothing changes.
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), AGE_EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  useEffect(() => onMove?.((next) => setPlace(next)), [onMove]);
  const open = (view: View, args: Args) => {
    const next = { view, args };
    setPlace(next);
    setNowMs(Date.now());
    onPlace(next);
  };
  const Page = PAGES[place.view].component;
  const page = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  // What had the focus left with the page before: the keyboard and a screen reader go on at the new one.
  useEffect(() => {
    if (!isFirst.current && !document.activeElement?.closest("nav")) page.current?.focus();
    isFirst.current = false;
  }, [place]);
  return (
    <>
      {views.length > 1 && (
        <nav aria-label="Views">
          {views.map((view) => (
            <button
              key={view}
              type="button"
              aria-current={view === place.view ? "page" : undefined}
              onClick={() => open(view, {})}
            >
              {PAGES[view].title}
            </button>
          ))}
        </nav>
      )}
      {!isLive && (
        <p role="status" class="stale">
          Not live: the program that serves this page does not answer. What is shown stays as it was.
        </p>
      )}
      <section ref={page} tabIndex={-1} class="page" aria-label={PAGES[place.view].title}>
        <Page key={JSON.stringify(place)} connection={connection} args={place.args} nowMs={nowMs} open={open} />
      </section>
    </>
  );
}
