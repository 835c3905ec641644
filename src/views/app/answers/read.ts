/** Reading answers without trusting their shape: a field that is missing or of another type is absent, never an error. */

type Structured = Readonly<Record<string, unknown>>;

export function textAt(answer: Structured | undefined, key: string): string | null {
  const value = answer?.[key];
  return typeof value === "string" ? value : null;
}

/** Whole numbers that a double cannot hold are not shown in charts; the text of the tool has their digits. */
export function numberAt(answer: Structured | undefined, key: string): number | null {
  const value = answer?.[key];
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

export function objectAt(answer: Structured | undefined, key: string): Structured {
  const value = answer?.[key];
  return isObject(value) ? value : {};
}

export function listAt(answer: Structured | undefined, key: string): readonly Structured[] {
  const value = answer?.[key];
  return Array.isArray(value) ? value.filter(isObject) : [];
}

export function isObject(value: unknown): value is Structured {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
