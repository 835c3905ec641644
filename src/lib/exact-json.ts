/**
 * JSON with every digit of its numbers. `JSON.parse` turns 9223372036854775807 into 9223372036854775808, `1.0` into 1 and `-0.0`
 * into 0; Prefect sends integers of any length and floats of Python. Numbers that a double would write differently are kept as text.
 */

/**
 * A number as its JSON text. `JSON.stringify` writes that text, arithmetic and comparisons by size use the nearest double. It is not
 * `===` to anything but itself, and `typeof` is "object": read it with `Number(…)`.
 */
export class ExactNumber {
  // Private, so that code that walks through objects finds no members.
  readonly #text: string;

  /** `text`: a number in JSON. */
  constructor(text: string) {
    this.#text = text;
  }

  toJSON(): unknown {
    return rawJSON(this.#text);
  }

  valueOf(): number {
    return Number(this.#text);
  }

  toString(): string {
    return this.#text;
  }
}

/** A number of parsed JSON. */
export type JsonNumber = number | ExactNumber;

/** https://github.com/tc39/proposal-json-parse-with-source */
type SourceText = { readonly source?: string };
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };
const parseWith = JSON.parse as (
  text: string,
  reviver: (key: string, value: unknown, context: SourceText) => unknown,
) => unknown;

export function isJsonNumber(value: unknown): value is JsonNumber {
  return typeof value === "number" || value instanceof ExactNumber;
}

/** An object of JSON: neither a list nor a number. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber);
}

const SPACE = "[ \t\n\r]*";
/** What comes before a number in an object or a list. It also occurs within strings. */
const BEFORE = `[:,[]${SPACE}`;
/**
 * The beginning of a number that a double may write in another way: -0, at least 16 characters, below 0.000001, with a zero at the end
 * of the fraction, or with an exponent. All other numbers are written as they stand.
 */
const SUSPECT = String.raw`(?:-0(?![\d.])|-?(?:[\d.]{16}|0\.0{6}|\d+(?:\.\d*0(?=${SPACE}[,\]}])|(?:\.\d+)?[eE])))`;
const NUMBER = String.raw`-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?`;

const HAS_SUSPECT = new RegExp(`${BEFORE}${SUSPECT}`);
const SUSPECTS = new RegExp(`(${BEFORE})(?=${SUSPECT})(${NUMBER})(?=${SPACE}[,\\]}])`, "g");
/** A text that is only a number. */
const ALONE = new RegExp(`^${SPACE}-?\\d`);

/** Numbers below this size, 0 excepted, mark the places of inexact ones while a text is parsed. Such numbers in the text are kept too. */
const MARKS_BELOW = 1e-300;
/** The mark of the n-th number is n times this. It is large enough that a subnormal double keeps n exactly. */
const MARK = 1e-310;

/**
 * The value of a JSON text, where inexact numbers are `ExactNumber`. Throws a SyntaxError like `JSON.parse`. Most texts have no inexact
 * number and take the time of `JSON.parse`, others less than three times as much (measured with pages of 50 events; a reviver for every
 * value takes seven times as much).
 */
export function parseJson(text: string): unknown {
  if (ALONE.test(text)) return parseSlowly(text);
  return HAS_SUSPECT.test(text) ? parseExact(text) : JSON.parse(text);
}

function parseExact(text: string): unknown {
  const exact: string[] = [];
  const marked = text.replace(SUSPECTS, (whole, before: string, digits: string) => {
    const value = Number(digits);
    if (String(value) === digits && !isMark(value)) return whole;
    exact.push(digits);
    return `${before}${exact.length}e-310`;
  });
  const value: unknown = JSON.parse(marked);
  // What was replaced within a string is not among the numbers.
  const found = typeof value === "object" && value !== null ? unmark(value, exact) : 0;
  return found === exact.length ? value : parseSlowly(text);
}

function isMark(value: number): boolean {
  return value !== 0 && Math.abs(value) < MARKS_BELOW;
}

/** Puts the numbers in the places of their marks, and returns how many there were. Not recursive: a text can be nested deeply. */
function unmark(root: object, exact: readonly string[]): number {
  let found = 0;
  const waiting: object[] = [root];
  const numberAt = (mark: number) => {
    found += 1;
    return new ExactNumber(exact[Math.round(mark / MARK) - 1] ?? "0");
  };
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (Array.isArray(value)) {
      for (let index = 0; index < value.length; index += 1) {
        const member: unknown = value[index];
        if (typeof member === "object" && member !== null) waiting.push(member);
        else if (typeof member === "number" && isMark(member)) value[index] = numberAt(member);
      }
      continue;
    }
    const container = value as Record<string, unknown>;
    for (const key in container) {
      const member = container[key];
      if (typeof member === "object" && member !== null) waiting.push(member);
      else if (typeof member === "number" && isMark(member)) container[key] = numberAt(member);
    }
  }
  return found;
}

function parseSlowly(text: string): unknown {
  return parseWith(text, (_key, value, { source }) =>
    typeof value === "number" && source !== undefined && String(value) !== source ? new ExactNumber(source) : value,
  );
}

/** The value with doubles for its exact numbers; the same object where it has none. */
export function toDoubles(value: unknown): unknown {
  if (value instanceof ExactNumber) return Number(value);
  if (Array.isArray(value)) {
    const items = value.map(toDoubles);
    return items.every((item, index) => Object.is(item, value[index])) ? value : items;
  }
  return isJsonObject(value) ? mapMembers(value, toDoubles) : value;
}

/** The object with changed members; the same object where `change` returns the members themselves. */
export function mapMembers(
  fields: Readonly<Record<string, unknown>>,
  change: (member: unknown, key: string) => unknown,
): Readonly<Record<string, unknown>> {
  const members = Object.entries(fields).map(([key, member]) => [key, change(member, key)] as const);
  return members.every(([key, member]) => Object.is(member, fields[key])) ? fields : Object.fromEntries(members);
}

/**
 * Whether two values are the same JSON, whatever the order of members. Earlier versions recorded numbers as doubles, so `before` may
 * also be the double of an exact number.
 */
export function isSameJson(before: unknown, after: unknown): boolean {
  if (Array.isArray(before) && Array.isArray(after))
    return before.length === after.length && before.every((one, index) => isSameJson(one, after[index]));
  if (isJsonObject(before) && isJsonObject(after)) {
    const keys = Object.keys(after);
    return (
      Object.keys(before).length === keys.length &&
      keys.every((key) => Object.hasOwn(before, key) && isSameJson(before[key], after[key]))
    );
  }
  if (after instanceof ExactNumber && typeof before === "number") return Number(after) === before;
  return JSON.stringify(before) === JSON.stringify(after);
}
