/**
 * Replaces secrets in what will be recorded or answered: values of variables, secret fields of blocks, strings in the form of a
 * secret, and the configured credentials. The replacement names the kind (`[redacted:prefect-api-key]`). Everything else stays as it
 * is, and a value without secrets is returned itself, not a copy. Redacting twice gives the same result.
 */
import { ExactNumber } from "../../lib/exact-json.ts";
import type { PrefectEvent } from "../events/event.ts";
import { type Container, hidePayload, isContainer, withEntries } from "./secret-fields.ts";
import { type Literals, literalsOf } from "./secret-literals.ts";
import { replaceAwsSecrets, SECRET_SHAPES } from "./secret-shapes.ts";

export interface RedactOptions {
  /** The API key, the auth string and the values of secret headers, as configured. */
  readonly credentials: readonly string[];
}

/** Takes about 2 µs for an ordinary event without secrets. */
export interface Redact {
  event(event: PrefectEvent): PrefectEvent;
  log<T extends object>(log: T): T;
  flowRun<T extends object>(run: T): T;
  taskRun<T extends object>(run: T): T;
  /** Deployments, work pools, automations and other JSON. */
  object<T>(value: T): T;
  /** One plain string. */
  text(text: string): string;
  /** JSON as text, or any other text: only strings with secrets change. Variables and blocks are not recognized. */
  redactText(json: string): string;
}

const MAX_ROUNDS = 8;
const MAX_DEPTH = 400;
const MAX_KNOWN_NAMES = 4096;

class Redactor {
  private readonly literals: Literals;
  private readonly anyHint: RegExp;
  /** Cache of field names that contain no secret; they repeat in every event. */
  private readonly plainNames = new Set<string>();
  private sawAwsKey = false;

  constructor({ credentials }: RedactOptions) {
    this.literals = literalsOf(credentials);
    this.anyHint = new RegExp([...this.literals.hints, ...SECRET_SHAPES.map(({ hint }) => hint)].join("|"));
  }

  /** Redacts one string, and notes whether an AWS key id was in it. */
  private string(text: string): string {
    if (text.length < 4 || !this.anyHint.test(text)) return text;
    let before = text;
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      let after = this.literals.replace(before);
      for (const { kind, replace } of SECRET_SHAPES) {
        const next = replace(after);
        if (kind === "aws-access-key-id" && next !== after) this.sawAwsKey = true;
        after = next;
      }
      if (after === before) break;
      before = after;
    }
    return before;
  }

  private isPlainName(name: string): boolean {
    if (this.plainNames.has(name)) return true;
    if (this.string(name) !== name) return false;
    if (this.plainNames.size >= MAX_KNOWN_NAMES) this.plainNames.clear();
    this.plainNames.add(name);
    return true;
  }

  private walk(value: unknown, depth: number): unknown {
    if (typeof value === "string") return this.string(value);
    if (typeof value !== "object" || value === null || value instanceof ExactNumber) return value;
    if (depth > MAX_DEPTH) return this.deep(value);
    return Array.isArray(value) ? this.array(value, depth) : this.container(value as Container, depth);
  }

  private array(items: readonly unknown[], depth: number): readonly unknown[] {
    let copy: unknown[] | undefined;
    for (let index = 0; index < items.length; index += 1) {
      const item = this.walk(items[index], depth + 1);
      if (item !== items[index]) {
        copy ??= [...items];
        copy[index] = item;
      }
    }
    return copy ?? items;
  }

  private container(original: Container, depth: number): Container {
    const source = original.payload === undefined ? original : hidePayload(original);
    let changes: Map<string, unknown> | undefined;
    let names: Map<string, string> | undefined;
    let taken: Map<string, number> | undefined;
    for (const key in source) {
      const field = source[key];
      const clean = this.walk(field, depth + 1);
      if (clean !== field) {
        changes ??= new Map();
        changes.set(key, clean);
      }
      if (!this.isPlainName(key)) {
        names ??= new Map();
        taken ??= new Map(Object.keys(source).map((name) => [name, 2]));
        names.set(key, this.freeName(key, taken));
      }
    }
    return changes || names ? withEntries(source, changes ?? new Map(), names ?? new Map()) : source;
  }

  /** Two secret names in one object must stay two. `taken`: the names in use, each with the next number to append. */
  private freeName(key: string, taken: Map<string, number>): string {
    const clean = this.string(key);
    let number = taken.get(clean) ?? 1;
    let name = number === 1 ? clean : `${clean}#${number}`;
    while (taken.has(name)) {
      number += 1;
      name = `${clean}#${number}`;
    }
    taken.set(name, 2);
    taken.set(clean, number + 1);
    return name;
  }

  /**
   * Redacts a copy of a deeply nested value, level by level: recursion could overflow the stack, and the time of `JSON.stringify` grows with
   * the square of the depth.
   */
  private deep(value: object): unknown {
    const root = this.shallowCopy(value);
    for (let level = [root]; level.length > 0; ) {
      const below: object[] = [];
      for (const parent of level) {
        for (const [key, child] of Object.entries(parent)) {
          if (typeof child !== "object" || child === null || child instanceof ExactNumber) continue;
          const copy = this.shallowCopy(child);
          // Not by assignment, which would not create a key `__proto__`.
          Object.defineProperty(parent, key, { value: copy });
          below.push(copy);
        }
      }
      level = below;
    }
    return root;
  }

  /** A copy in which names and texts are redacted, and the objects inside are still the same. */
  private shallowCopy(value: object): object {
    const text = (one: unknown) => (typeof one === "string" ? this.string(one) : one);
    if (Array.isArray(value)) return value.map(text);
    const source = (value as Container).payload === undefined ? (value as Container) : hidePayload(value as Container);
    const taken = new Map(Object.keys(source).map((name) => [name, 2]));
    const names = new Map(
      [...taken.keys()].flatMap((key) => (this.isPlainName(key) ? [] : [[key, this.freeName(key, taken)] as const])),
    );
    return withEntries(source, new Map(Object.entries(source).map(([key, field]) => [key, text(field)])), names);
  }

  private json(json: string): string {
    let result = "";
    let done = 0;
    for (let open = json.indexOf('"'); open >= 0; open = json.indexOf('"', done)) {
      let close = json.indexOf('"', open + 1);
      while (close >= 0 && isEscaped(json, close, open)) close = json.indexOf('"', close + 1);
      result += json.slice(done, open) + this.literal(json.slice(open, close + 1));
      done = close + 1;
    }
    return result + json.slice(done);
  }

  private literal(literal: string): string {
    const text = JSON.parse(literal) as string;
    const clean = this.string(text);
    return clean === text ? literal : JSON.stringify(clean);
  }

  private withAwsSecrets<T>(clean: T, again: (clean: T) => T): T {
    const done = this.sawAwsKey ? again(clean) : clean;
    this.sawAwsKey = false;
    return done;
  }

  object<T>(value: T): T {
    return this.withAwsSecrets(this.walk(value, 0) as T, (clean) => mapStrings(clean, replaceAwsSecrets) as T);
  }

  text(text: string): string {
    return this.withAwsSecrets(this.string(text), replaceAwsSecrets);
  }

  redactText(json: string): string {
    return this.withAwsSecrets(isJson(json) ? this.json(json) : this.string(json), replaceAwsSecrets);
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function isEscaped(json: string, at: number, open: number): boolean {
  let slashes = 0;
  while (at - 1 - slashes > open && json.charCodeAt(at - 1 - slashes) === 92) slashes += 1;
  return slashes % 2 === 1;
}

function mapStrings(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, change));
  if (!isContainer(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, mapStrings(field, change)]));
}

export function createRedactor(options: RedactOptions): Redact {
  const redactor = new Redactor(options);
  const object = <T>(value: T): T => redactor.object(value);
  return {
    event: object,
    log: object,
    flowRun: object,
    taskRun: object,
    object,
    text: (text) => redactor.text(text),
    redactText: (json) => redactor.redactText(json),
  };
}
