/** Nodes of neighbouring minor versions work together: a fleet is upgraded node by node. */
const MAX_MINORS = 1;

/** Whether two versions (`1.4.2`) are too far apart for one fleet. */
export function isTooFar(one: string, other: string): boolean {
  const [oneMajor, oneMinor] = partsOf(one);
  const [otherMajor, otherMinor] = partsOf(other);
  return oneMajor !== otherMajor || Math.abs(oneMinor - otherMinor) > MAX_MINORS;
}

function partsOf(version: string): [major: number, minor: number] {
  const [major, minor] = version.split(".");
  return [Number(major), Number(minor)];
}
