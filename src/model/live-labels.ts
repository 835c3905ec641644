import type { LabelSpec } from "./event-filter.ts";

/**
 * Labels as Prefect compares them on live events (websocket filters, automation triggers): case-sensitive fnmatch with
 * `*`, `?` and `[…]` sets, `!` in front negates, a missing label never matches.
 * The database route differs: see event-filter.ts.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/events/schemas/events.py
 */
export function matchesLabels(spec: LabelSpec, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(spec).every(([label, expected]) => {
    const value = labels[label];
    if (value === undefined) return false;
    return (typeof expected === "string" ? [expected] : expected).some((one) => matchesGlob(one, value));
  });
}

function matchesGlob(expected: string, value: string): boolean {
  const negated = expected.startsWith("!");
  return globToRegExp(negated ? expected.slice(1) : expected).test(value) !== negated;
}

/** fnmatch pattern as an anchored expression. */
export function globToRegExp(glob: string): RegExp {
  let source = "";
  for (let index = 0; index < glob.length; index++) {
    const char = glob.charAt(index);
    const close = char === "[" ? glob.indexOf("]", index + 2) : -1;
    if (char === "*") source += "[^]*";
    else if (char === "?") source += "[^]";
    else if (close > 0) {
      const set = glob
        .slice(index + 1, close)
        .replaceAll("\\", "\\\\")
        .replace(/^!/, "^");
      source += `[${set}]`;
      index = close;
    } else source += char.replace(/[\\^$.*+?()[\]{}|]/, "\\$&");
  }
  return new RegExp(`^${source}$`, "u");
}
