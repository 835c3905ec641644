/** Navigation between pages, and the page that is open. */
import { useEffect, useState } from "preact/hooks";
import type { View } from "../calls.ts";
import type { Args, Connection } from "./connection/connection.ts";
import { PAGES } from "./pages/index.ts";

export interface Place {
  readonly view: View;
  readonly args: Args;
}

interface ShellProps {
  readonly connection: Connection;
  readonly first: Place;
  /** Pages that this connection can open. A file holds only the calls that were made for it. */
  readonly views: readonly View[];
  /** Called when another page is opened: the browser keeps it in the address. */
  onPlace(place: Place): void;
}

export function Shell({ connection, first, views, onPlace }: ShellProps) {
  const [place, setPlace] = useState(first);
  const [nowMs, setNowMs] = useState(Date.now());
  useEffect(() => connection.onChange(() => setNowMs(Date.now())), [connection]);
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
