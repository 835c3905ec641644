/** Parts of time on one line, between the two times of the axis above it. */

export interface LanePart {
  readonly group: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly words: string;
}

export interface Extent {
  readonly fromMs: number;
  readonly toMs: number;
}

export function Lane({ parts, extent: { fromMs, toMs } }: { parts: readonly LanePart[]; extent: Extent }) {
  const percent = (ms: number) => `${(100 * ms) / (toMs - fromMs)}%`;
  return (
    <span class="lane" aria-hidden="true">
      {parts.map(({ group, startMs, endMs, words }) => (
        <span
          key={startMs}
          class={group}
          title={words}
          style={{ left: percent(startMs - fromMs), width: percent(endMs - startMs) }}
        />
      ))}
    </span>
  );
}
