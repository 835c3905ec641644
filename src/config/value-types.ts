/**
 * The types of settings. `parse` takes a text or a TOML value and returns undefined when it is invalid. `expectation` completes
 * "… must be". It does not contain the value, which may be a secret.
 */
export interface ValueType<T> {
  readonly expectation: string;
  parse(raw: unknown): T | undefined;
}

function textOf(raw: unknown): string | undefined {
  if (typeof raw === "string") return raw.trim();
  return typeof raw === "number" || typeof raw === "boolean" || typeof raw === "bigint" ? String(raw) : undefined;
}

function ofText<T>(expectation: string, parse: (text: string) => T | undefined): ValueType<T> {
  return {
    expectation,
    parse: (raw) => {
      const value = textOf(raw);
      return value === undefined ? undefined : parse(value);
    },
  };
}

/** Text; empty text means "none". */
export const text: ValueType<string | null> = ofText("text", (value) => (value === "" ? null : value));

// The words that pydantic accepts, because Prefect reads the same variables.
const TRUE = new Set(["true", "1", "yes", "y", "on", "t"]);
const FALSE = new Set(["false", "0", "no", "n", "off", "f"]);

export const flag: ValueType<boolean> = ofText("true or false", (value) => {
  const word = value.toLowerCase();
  return TRUE.has(word) ? true : FALSE.has(word) ? false : undefined;
});

interface Bounds {
  readonly min: number;
  readonly max: number;
}

const NUMBER = /^[+-]?(\d+(?:\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;

function within(value: number, { min, max }: Bounds): number | undefined {
  return value >= min && value <= max ? value : undefined;
}

export const number = (bounds: Bounds): ValueType<number> =>
  ofText(`a number from ${bounds.min} to ${bounds.max}`, (value) =>
    NUMBER.test(value) ? within(Number(value), bounds) : undefined,
  );

export const integer = (bounds: Bounds): ValueType<number> =>
  ofText(`a whole number from ${bounds.min} to ${bounds.max}`, (value) =>
    /^[+-]?\d+(_\d+)*(\.0+)?$/.test(value) ? within(Number(value.replaceAll("_", "")), bounds) : undefined,
  );

const UNITS: Record<string, number> = { "": 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 };

/** `5GB`, `500 MiB`, `1048576`. All units are powers of 1024. */
export const bytes: ValueType<number> = ofText("a size like 5GB or 500MB (0 for no limit)", (value) => {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?$/i.exec(value);
  const unit = UNITS[match?.[2]?.toUpperCase() ?? ""];
  return match?.[1] === undefined || unit === undefined ? undefined : Math.round(Number(match[1]) * unit);
});

export const choice = <const T extends string>(...allowed: readonly T[]): ValueType<T> =>
  ofText(`one of ${allowed.join(", ")}`, (value) => allowed.find((word) => word === value.toLowerCase()));

/** A list separated by commas, or a TOML array. */
export const list: ValueType<readonly string[]> = {
  expectation: "a list separated by commas",
  parse: (raw) => {
    const items = Array.isArray(raw) ? raw.map(textOf) : textOf(raw)?.split(",");
    const texts = items?.map((item) => item?.trim());
    return texts?.every((item) => item !== undefined) ? texts.filter((item) => item !== "") : undefined;
  },
};

/** HTTP statuses: a list separated by commas, one number or a TOML array. Returned ascending, without duplicates. */
export const statusCodes: ValueType<readonly number[]> = {
  expectation: "a list of HTTP statuses from 100 to 599, like 500,504",
  parse: (raw) => {
    const codes = list.parse(raw)?.map(Number);
    if (!codes?.every((code) => Number.isInteger(code) && code >= 100 && code <= 599)) return undefined;
    return [...new Set(codes)].sort((a, b) => a - b);
  },
};

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these must not reach a header.
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;

function jsonOf(raw: unknown): unknown {
  if (typeof raw !== "string") return raw;
  if (raw.trim() === "") return {};
  try {
    return JSON.parse(raw);
  } catch {
    return undefined;
  }
}

/** A JSON object as text, or a TOML table. */
export const headers: ValueType<Readonly<Record<string, string>>> = {
  expectation: 'a table of header names and texts, like {"X-Team": "data"}',
  parse: (raw) => {
    const table = jsonOf(raw);
    if (typeof table !== "object" || table === null || Array.isArray(table)) return undefined;
    const entries = Object.entries(table).map(([name, value]) => [name, textOf(value) ?? "\0"] as const);
    if (entries.some(([name, value]) => !HEADER_NAME.test(name) || CONTROL.test(value))) return undefined;
    return Object.fromEntries(entries);
  },
};

/** Text that is sent in a header. */
export const credential: ValueType<string | null> = ofText("a single line without control characters", (value) =>
  CONTROL.test(value) ? undefined : value || null,
);
