/** Versions of Prefect servers: `3.8.8`, `3.9.0rc1`, `3.1.0+12.g1a2b3c4`. */

/** Below this version, events and filters have another form, or do not exist. */
export const LEAST_VERSION = "3.0.0";

function numbersOf(version: string): readonly number[] | null {
  const match = /^v?(\d+)\.(\d+)(?:\.(\d+))?/.exec(version);
  return match ? match.slice(1).map((part) => Number(part ?? 0)) : null;
}

/** Whether `version` is certainly older than `than`. A version in another form counts as newer; a pre-release as its release. */
export function isOlderVersion(version: string, than: string): boolean {
  const [own, other] = [numbersOf(version), numbersOf(than)];
  if (own === null || other === null) return false;
  const at = own.findIndex((part, index) => part !== other[index]);
  return at >= 0 && (own[at] ?? 0) < (other[at] ?? 0);
}
