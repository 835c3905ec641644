/**
 * Counts per bucket of time as stacked bars. The arrow keys and the pointer choose a bar, whose counts are then shown in words; a list has
 * the same numbers. A bucket that the answer does not cover is a hatched gap, never a zero.
 */
import { axisX, axisY, gridY, plot, rect, ruleY } from "@observablehq/plot";
import { useMemo, useState } from "preact/hooks";
import { Chart, useWidth } from "./chart.tsx";
import { countOf } from "./count-of.ts";
import { localTime, ticksBetween, tickText } from "./time.ts";

export interface Part {
  readonly group: string;
  readonly name: string;
  readonly count: number;
}

export interface Bucket {
  readonly start: string;
  readonly startMs: number;
  readonly endMs: number;
  /** Whether the window begins or ends inside of it. */
  readonly isCut: boolean;
  /** Null: not covered. */
  readonly parts: readonly Part[] | null;
}

/** The arguments of a tool for what happened in a bucket. */
export function rangeOf({ startMs, endMs }: Bucket) {
  return { occurred_after: new Date(startMs).toISOString(), occurred_before: new Date(endMs).toISOString() };
}

const HEIGHT = 170;
const MARGIN = { marginLeft: 40, marginRight: 8, marginTop: 22, marginBottom: 36 };
const PX_PER_TICK = 84;
/** Half of a tick's text: nearer to the right edge it would be cut. */
const EDGE_PX = 34;

function totalOf({ parts }: Bucket): number {
  return (parts ?? []).reduce((sum, { count }) => sum + count, 0);
}

function wordsOf({ start, isCut, parts }: Bucket): string {
  const time = `${localTime(start, "minutes")}${isCut ? " (in part)" : ""}`;
  if (parts === null) return `${time}: not covered`;
  const named = parts.filter(({ count }) => count > 0).map(({ name, count }) => `${count} ${name}`);
  return `${time}: ${named.length === 0 ? "none" : named.join(", ")}`;
}

/** Whole numbers from 0 to at least `highest`, five at most. */
function countTicks(highest: number): number[] {
  const step = [1, 2, 5].flatMap((one) => Array.from({ length: 15 }, (_, power) => one * 10 ** power));
  const size = step.sort((a, b) => a - b).find((one) => highest / one <= 4) ?? highest;
  return Array.from({ length: Math.max(1, Math.ceil(highest / size)) + 1 }, (_, index) => index * size);
}

const COUNT = new Intl.NumberFormat("en-US", { notation: "compact" });

interface Stacked {
  readonly group: string;
  readonly bucket: Bucket;
  readonly from: number;
  readonly to: number;
}

function stacked(bucket: Bucket): Stacked[] {
  let top = 0;
  return (bucket.parts ?? []).map(({ group, count }) => {
    const from = top;
    top += count;
    return { group, bucket, from, to: top };
  });
}

function draw(buckets: readonly Bucket[], noun: string, width: number) {
  const fromMs = buckets[0]?.startMs ?? 0;
  const toMs = buckets.at(-1)?.endMs ?? 1;
  const ticks = countTicks(buckets.reduce((most, bucket) => Math.max(most, totalOf(bucket)), 0));
  const times = ticksBetween(fromMs, toMs, Math.max(2, Math.floor(width / PX_PER_TICK)));
  const edgeMs = toMs - ((toMs - fromMs) * (EDGE_PX - MARGIN.marginRight)) / width;
  const shownTimes = times.ticks.filter((ms) => ms <= edgeMs);
  const top = ticks.at(-1) ?? 1;
  const parts = buckets.flatMap(stacked).filter(({ from, to }) => to > from);
  const place = { x1: (one: Stacked) => one.bucket.startMs, x2: (one: Stacked) => one.bucket.endMs };
  return plot({
    ...MARGIN,
    width,
    height: HEIGHT,
    className: "plot",
    x: { type: "linear", domain: [fromMs, toMs], label: null },
    y: { domain: [0, top], label: null },
    marks: [
      gridY(ticks, { stroke: "var(--line)", strokeOpacity: 1 }),
      rect(
        buckets.filter((one) => one.parts === null),
        { x1: "startMs", x2: "endMs", y1: 0, y2: top, fill: "url(#gap)" },
      ),
      ...[...new Set(parts.map(({ group }) => group))].map((group) =>
        rect(
          parts.filter((one) => one.group === group),
          { ...place, y1: "from", y2: "to", fill: `var(--${group})`, insetLeft: 1, insetRight: 1 },
        ),
      ),
      ruleY([0], { stroke: "var(--quiet)" }),
      axisY(ticks, {
        tickSize: 0,
        tickFormat: (count: number) => COUNT.format(count),
        label: noun,
        labelArrow: "none",
      }),
      axisX(shownTimes, {
        tickFormat: (ms: number, index: number) => tickText(ms, times.stepMs, times.ticks[index - 1] ?? null),
      }),
    ],
  });
}

interface BarsProps {
  readonly label: string;
  /** What is counted, in the plural. */
  readonly noun: string;
  readonly buckets: readonly Bucket[];
  /** Opens what is behind a bar. */
  readonly onOpen?: ((bucket: Bucket) => void) | undefined;
}

export function Bars({ label, noun, buckets, onOpen }: BarsProps) {
  const [chosen, setChosen] = useState<number | null>(null);
  const [figure, width] = useWidth<HTMLDivElement>();
  const drawing = useMemo(() => draw(buckets, noun, width), [buckets, noun, width]);
  const last = buckets.length - 1;
  const bucket = chosen === null ? undefined : buckets[chosen];
  const names = [...new Map((buckets.find(({ parts }) => parts)?.parts ?? []).map((one) => [one.name, one])).values()];
  const shown = width - MARGIN.marginLeft - MARGIN.marginRight;
  const at = (ms: number) =>
    MARGIN.marginLeft +
    (shown * (ms - (buckets[0]?.startMs ?? 0))) / ((buckets[last]?.endMs ?? 1) - (buckets[0]?.startMs ?? 0));
  const atPointer = (event: PointerEvent & { currentTarget: HTMLElement }) => {
    const share = (event.clientX - event.currentTarget.getBoundingClientRect().left - MARGIN.marginLeft) / shown;
    setChosen(Math.max(0, Math.min(last, Math.floor(share * buckets.length))));
  };
  const atKey = (event: KeyboardEvent) => {
    const now = chosen ?? buckets.length;
    const next = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: last }[event.key];
    if (event.key === "Enter" && bucket) onOpen?.(bucket);
    if (next === undefined) return;
    event.preventDefault();
    setChosen(Math.max(0, Math.min(last, next)));
  };
  if (buckets.length === 0) return <p>{label}: nothing is counted.</p>;
  return (
    <figure class="bars">
      <figcaption>
        {label} <Legend names={names} hasGap={buckets.some(({ parts }) => parts === null)} />
      </figcaption>
      <div
        ref={figure}
        class="values"
        role="slider"
        tabIndex={0}
        aria-label={`${label}: one bar`}
        aria-valuemin={0}
        aria-valuemax={last}
        aria-valuenow={chosen ?? last}
        aria-valuetext={bucket ? wordsOf(bucket) : `${countOf(buckets.length, "bar")}; the arrow keys choose one`}
        onKeyDown={atKey}
        onPointerMove={atPointer}
        onPointerDown={atPointer}
      >
        <Chart drawing={drawing}>
          {bucket && (
            <span
              class="chosen"
              style={{
                left: `${at(bucket.startMs)}px`,
                width: `${at(bucket.endMs) - at(bucket.startMs)}px`,
                top: `${MARGIN.marginTop}px`,
                bottom: `${MARGIN.marginBottom}px`,
              }}
            />
          )}
        </Chart>
      </div>
      <p class="choices reading">
        {bucket ? (
          <b>{wordsOf(bucket)}</b>
        ) : (
          <span class="quiet">Point at a bar, or use the arrow keys, for its numbers.</span>
        )}
        {bucket && onOpen && (
          <button type="button" onClick={() => onOpen(bucket)}>
            Show its events
          </button>
        )}
      </p>
      <details>
        <summary>The same as a list</summary>
        <ul class="quiet">
          {buckets
            .filter((one) => one.parts === null || totalOf(one) > 0)
            .map((one) => (
              <li key={one.start}>{wordsOf(one)}</li>
            ))}
        </ul>
      </details>
    </figure>
  );
}

function Legend({ names, hasGap }: { names: readonly Part[]; hasGap: boolean }) {
  return (
    <span class="legend">
      {names.length > 1 &&
        names.map(({ name, group }) => (
          <span key={name} class={group}>
            <i class="swatch" /> {name}
          </span>
        ))}
      {hasGap && (
        <span>
          <i class="swatch hatched" /> not covered
        </span>
      )}
      <svg class="patterns" aria-hidden="true">
        <pattern id="gap" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <rect width="2" height="6" class="hatch" />
        </pattern>
      </svg>
    </span>
  );
}
