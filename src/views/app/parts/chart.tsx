/** A chart of Observable Plot, https://observablehq.com/plot/. It is drawn again for each width that the page gives it. */
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

/** Before it is known. */
const NARROW_PX = 280;

/** The width that an element has; changes of it are followed. */
export function useWidth<T extends HTMLElement>() {
  const ref = useRef<T>(null);
  const [width, setWidth] = useState(NARROW_PX);
  useLayoutEffect(() => {
    const element = ref.current;
    if (element === null) return undefined;
    const measure = () => setWidth(element.clientWidth || NARROW_PX);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [ref, width] as const;
}

interface ChartProps {
  /** What `plot` has made. */
  readonly drawing: Element;
  children?: ComponentChildren;
}

/** Screen readers and the keyboard do not reach into it: what contains it has the same values in words. */
export function Chart({ drawing, children }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => place.current?.replaceChildren(drawing), [drawing]);
  return (
    <div class="chart" aria-hidden="true">
      <div ref={place} />
      {children}
    </div>
  );
}
