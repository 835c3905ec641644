/**
 * Counts per bucket of time as stacked bars. Drawn as SVG, because a screen reader and the keyboard reach its parts; a table with the
 * same numbers follows. A bucket that the answer does not cover is a hatched gap, never a zero.
 */
import { localTime } from "./time.ts";

export interface Bucket {
  readonly start: string;
  /** Null: not covered. */
  readonly parts: readonly { readonly group: string; readonly name: string; readonly count: number }[] | null;
}

const WIDTH = 1000;
const HEIGHT = 120;

function totalOf(bucket: Bucket): number {
  return (bucket.parts ?? []).reduce((sum, { count }) => sum + count, 0);
}

function wordsOf(bucket: Bucket): string {
  if (bucket.parts === null) return `${localTime(bucket.start)}: not covered`;
  const named = bucket.parts.filter(({ count }) => count > 0).map(({ name, count }) => `${count} ${name}`);
  return `${localTime(bucket.start)}: ${named.length === 0 ? "none" : named.join(", ")}`;
}

export function Bars({ label, buckets }: { label: string; buckets: readonly Bucket[] }) {
  const highest = buckets.reduce((most, bucket) => Math.max(most, totalOf(bucket)), 0);
  const width = WIDTH / Math.max(1, buckets.length);
  return (
    <figure class="bars">
      <figcaption>
        {label}; at most {highest} in one bar
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
        <defs>
          <pattern id="gap" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <rect width="2" height="6" class="hatch" />
          </pattern>
        </defs>
        {buckets.map((bucket, index) => (
          <g key={bucket.start}>
            <title>{wordsOf(bucket)}</title>
            <rect
              x={index * width}
              y={0}
              width={width}
              height={HEIGHT}
              fill={bucket.parts === null ? "url(#gap)" : "transparent"}
            />
            <Stack bucket={bucket} x={index * width} width={width} highest={highest} />
          </g>
        ))}
      </svg>
      <details>
        <summary>The same as a list</summary>
        <ul class="quiet">
          {buckets
            .filter((bucket) => bucket.parts === null || totalOf(bucket) > 0)
            .map((bucket) => (
              <li key={bucket.start}>{wordsOf(bucket)}</li>
            ))}
        </ul>
      </details>
    </figure>
  );
}

function Stack({ bucket, x, width, highest }: { bucket: Bucket; x: number; width: number; highest: number }) {
  if (bucket.parts === null || highest === 0) return null;
  let top = HEIGHT;
  return (
    <>
      {bucket.parts.map(({ group, name, count }) => {
        const height = (count / highest) * HEIGHT;
        top -= height;
        return <rect key={name} class={group} x={x + width * 0.08} y={top} width={width * 0.84} height={height} />;
      })}
    </>
  );
}
