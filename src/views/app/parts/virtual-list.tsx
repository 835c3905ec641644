/**
 * A list of any length. Up to `MOST_PLAIN` rows are all in the page, so that the browser's own search finds them; a longer one scrolls in a
 * box that holds the rows in sight.
 */
import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from "@tanstack/virtual-core";
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { textAt } from "../answers/read.ts";
import type { Structured } from "../connection/connection.ts";

export const MOST_PLAIN = 300;
/** Rows beyond the edges of the box. */
const OVERSCAN = 10;
/** Until a row is measured. */
const ROW_PX = 40;

/** The time of the row before. Null in a list that does not hold all its rows, where that row may be out of sight. */
export function besideOf(items: readonly Structured[], index: number, key: string): string | null {
  return items.length > MOST_PLAIN ? null : textAt(items[index - 1], key);
}

interface ListProps<T> {
  readonly label: string;
  readonly class: string;
  readonly items: readonly T[];
  /** What is inside of the list item. */
  row(item: T, index: number): ComponentChildren;
  keyOf(item: T, index: number): string;
}

export function VirtualList<T>(props: ListProps<T>): VNode {
  if (props.items.length > MOST_PLAIN) return <LongList {...props} />;
  return (
    <ul class={props.class} aria-label={props.label}>
      {props.items.map((item, index) => (
        <li key={props.keyOf(item, index)}>{props.row(item, index)}</li>
      ))}
    </ul>
  );
}

function LongList<T>({ label, items, row, keyOf, ...given }: ListProps<T>) {
  const box = useRef<HTMLDivElement>(null);
  const [, redraw] = useState(0);
  const [virtualizer] = useState(
    () =>
      new Virtualizer<HTMLDivElement, HTMLLIElement>({
        count: items.length,
        getScrollElement: () => box.current,
        estimateSize: () => ROW_PX,
        overscan: OVERSCAN,
        observeElementRect,
        observeElementOffset,
        scrollToFn: elementScroll,
      }),
  );
  virtualizer.setOptions({
    ...virtualizer.options,
    count: items.length,
    onChange: () => redraw((count) => count + 1),
  });
  useEffect(() => virtualizer._didMount(), [virtualizer]);
  useLayoutEffect(() => virtualizer._willUpdate());
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
    <section class="long" ref={box} tabIndex={0} aria-label={`${label}, ${items.length} rows`}>
      <ul class={given.class} aria-label={label} style={{ height: `${virtualizer.getTotalSize()}px` }}>
        {virtualizer.getVirtualItems().map(({ index, start }) => {
          const item = items[index];
          if (item === undefined) return null;
          return (
            <li
              key={keyOf(item, index)}
              ref={(element) => virtualizer.measureElement(element)}
              data-index={index}
              aria-setsize={items.length}
              aria-posinset={index + 1}
              style={{ transform: `translateY(${start}px)` }}
            >
              {row(item, index)}
            </li>
          );
        })}
      </ul>
    </section>
  );
}
