/** Navigation between pages, and the page that is open. */
import { useEffect, useState } from "preact/hooks";
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

export function Shell({ connection, first, views, onPlace, onMove }: ShellProps) {
  const [place, setPlace] = useState(first);
  const [nowMs, setNowMs] = useState(Date.now());
  useEffect(() => connection.onChange(() => setNowMs(Date.now())), [connection]);
  useEffect(() => onMove?.((next) => setPlace(next)), [onMove]);
  const open = (view: View, args: Args) => {
    const next = { view, args };
    setPlace(next);
    setNowMs(Date.now());
    onPlace(next);
  };
  const Page = PAGES[place.view].component;
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
      <Page key={JSON.stringify(place)} connection={connection} args={place.args} nowMs={nowMs} open={open} />
    </>
  );
}
