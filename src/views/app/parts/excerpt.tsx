/** A text of several lines. It scrolls where it is long, so the keyboard has to reach it. */
export function Excerpt({ text }: { text: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
    <pre tabIndex={0}>{text}</pre>
  );
}
