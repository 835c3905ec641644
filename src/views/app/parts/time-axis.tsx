/** The axis above lanes of time. Its ticks and the lanes' parts are placed by the same two times. */
import { axisX, plot } from "@observablehq/plot";
import { useMemo } from "preact/hooks";
import { Chart, useWidth } from "./chart.tsx";
import { ticksBetween, tickText } from "./time.ts";

const HEIGHT = 34;
const PX_PER_TICK = 96;
/** Half of a tick's text: nearer to an edge it begins or ends at the tick. */
const EDGE_PX = 36;

export function TimeAxis({ fromMs, toMs }: { fromMs: number; toMs: number }) {
  const [place, width] = useWidth<HTMLDivElement>();
  const drawing = useMemo(() => {
    const all = ticksBetween(fromMs, toMs, Math.max(2, Math.floor(width / PX_PER_TICK)));
    const texts = new Map(
      all.ticks.map((ms, index) => [
        ms,
        tickText(ms, all.stepMs, all.ticks[index - 1] ?? null)
          .split("\n")
          .toReversed(),
      ]),
    );
    const edgeMs = ((toMs - fromMs) * EDGE_PX) / width;
    const anchorOf = (ms: number) => (ms < fromMs + edgeMs ? "start" : ms > toMs - edgeMs ? "end" : "middle");
    // At the end a text reaches back to the one before it.
    const shown = all.ticks.filter((ms) => all.ticks.length < 3 || anchorOf(ms) !== "end");
    const axes = [...Map.groupBy(shown, anchorOf)].map(([textAnchor, ticks]) =>
      axisX(ticks, { anchor: "top", textAnchor, tickFormat: (ms: number) => texts.get(ms)?.join("\n") ?? "" }),
    );
    return plot({
      width,
      height: HEIGHT,
      margin: 0,
      marginTop: HEIGHT - 1,
      className: "plot",
      x: { type: "linear", domain: [fromMs, toMs], label: null },
      marks: axes,
    });
  }, [fromMs, toMs, width]);
  return (
    <div class="axis" ref={place}>
      <Chart drawing={drawing} />
    </div>
  );
}
