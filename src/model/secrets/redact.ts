/**
 * Replaces secrets in what will be recorded or answered: values of variables, secret fields of blocks, strings in the form of a
 * secret, values after the name of a secret, and the configured credentials. The replacement names the kind
 * (`[redacted:prefect-api-key]`). Everything else stays as it is, and a value without secrets is returned itself, not a copy.
 * Redacting twice gives the same result.
 */
import { ExactNumber } from "../../lib/exact-json.ts";
import { approximateChars } from "../../lib/json-size.ts";
import type { PrefectEvent } from "../events/event.ts";
import { hasAwsKeyId, replaceAwsSecrets } from "./aws-secrets.ts";
import { type LogMessage, redactLogLines } from "./log-lines.ts";
import {
  type Container,
  type FieldRule,
  fieldRule,
  hideBySibling,
  hidePayload,
  isSecretArgument,
  isSiblingField,
  withEntries,
} from "./secret-fields.ts";
import { replaceCommandItems } from "./statements/command-secrets.ts";
import { createInertCheck, createTextRedactor } from "./text-secrets.ts";
import { NAMED_SECRET } from "./words/redaction-mark.ts";

export interface RedactOptions {
  /** The API key, the auth string and the values of secret headers, as configured. */
  readonly credentials: readonly string[];
}

/** Takes about 2 µs for an ordinary event without secrets. */
export interface Redact {
  event(event: PrefectEvent): PrefectEvent;
  /** Log lines: also what is spread over several lines of a run. Returned in the given order. */
  logs<T extends LogMessage>(lines: readonly T[]): readonly T[];
  flowRun<T extends object>(run: T): T;
  taskRun<T extends object>(run: T): T;
  /** Deployments, work pools, automations and other JSON. */
  object<T>(value: T): T;
  /**
   * The structured content of an answer. Objects in its lists that were clean once are not read again: those of rows are the same ones
   * in several answers, and nothing changes them.
   */
  answer<T>(value: T): T;
  /** One plain string. */
  text(text: string): string;
  /**
   * The same for the text of an answer. `body`: whole lines of it that can be the same in several answers. They are read once if no
   * search finds the beginning of a secret in them, and none does in the rest.
   */
  answerText(text: string, body: string | undefined): string;
  /**
   * What `clean`, which calls the functions above, makes of the value. Awaits `pause` between parts of a large value, so that it does
   * not block the process: its texts are redacted first, up to `CHARS_IN_PART` characters in one part, or one longer text.
   */
  inParts<T, U>(value: T, clean: (value: T) => U, pause: () => Promise<void>): Promise<U>;
}

/** Parts of answers that are known to be inert, at most 30 KB each. */
const MAX_INERT = 16;

/** Takes 20 ms in ordinary text, at worst 0.2 s. */
const CHARS_IN_PART = 256 * 1024;

/** No JSON of Prefect is nested deeper (`prefect/transport/json-bounds.ts`). */
const MAX_DEPTH = 512;
/** The lists of an answer are members of its structured content. */
const LIST_DEPTH = 1;
const MAX_KNOWN_NAMES = 4096;
/** A longer name is not remembered: those of one answer could fill the memory. */
const MAX_KNOWN_CHARS = 256;

/** What is known about the name of a field. */
interface Field {
  readonly isPlain: boolean;
  readonly rule: FieldRule | null;
  readonly isSibling: boolean;
}

class Redactor {
  private readonly redactText: (text: string) => string;
  private readonly credentials: readonly string[];
  /** Made with the first answer. */
  private inertCheck: ((text: string) => boolean) | null = null;
  private readonly inertBodies = new Set<string>();
  /** By the names of fields, which repeat in every event. */
  private readonly fields = new Map<string, Field>();
  /** While a large value is redacted: what its texts become. */
  private prepared: ReadonlyMap<string, string> = new Map();
  private sawAwsKey = false;
  private hidesAwsSecrets = false;
  private remembersItems = false;
  private readonly cleanItems = new WeakSet<object>();

  constructor({ credentials }: RedactOptions) {
    this.redactText = createTextRedactor(credentials);
    this.credentials = credentials;
  }

  private isInert(text: string): boolean {
    this.inertCheck ??= createInertCheck(this.credentials);
    return this.inertCheck(text);
  }

  /** Redacts one string, and notes whether an AWS key id was in it. */
  private string(text: string): string {
    const clean = this.prepared.get(text) ?? this.redactText(text);
    if (this.hidesAwsSecrets) return replaceAwsSecrets(clean);
    if (clean !== text && hasAwsKeyId(clean)) this.sawAwsKey = true;
    return clean;
  }

  private field(name: string): Field {
    const known = this.fields.get(name);
    if (known !== undefined) return known;
    const isPlain = this.string(name) === name;
    const field = { isPlain, rule: fieldRule(name), isSibling: isSiblingField(name) };
    if (!isPlain || name.length > MAX_KNOWN_CHARS) return field;
    if (this.fields.size >= MAX_KNOWN_NAMES) this.fields.clear();
    this.fields.set(name, field);
    return field;
  }

  private walk(value: unknown, depth: number): unknown {
    if (typeof value === "string") return this.string(value);
    if (typeof value !== "object" || value === null || value instanceof ExactNumber) return value;
    if (depth > MAX_DEPTH) return this.deep(value);
    return Array.isArray(value) ? this.array(value, depth) : this.container(value as Container, depth);
  }

  private array(items: readonly unknown[], depth: number): readonly unknown[] {
    let copy: unknown[] | undefined;
    const remembers = this.remembersItems && depth === LIST_DEPTH && !this.hidesAwsSecrets;
    for (let index = 0; index < items.length; index += 1) {
      const before = items[index];
      const isObject = remembers && typeof before === "object" && before !== null;
      if (isObject && this.cleanItems.has(before)) continue;
      const item = this.item(items, index, this.walk(before, depth + 1));
      if (isObject && item === before) this.cleanItems.add(before);
      if (item !== items[index]) {
        copy ??= [...items];
        copy[index] = item;
      }
    }
    return replaceCommandItems(copy ?? items);
  }

  private item(items: readonly unknown[], index: number, clean: unknown): unknown {
    if (typeof clean !== "string" || index === 0) return clean;
    return isSecretArgument(items[index - 1], clean, items.length) ? NAMED_SECRET : clean;
  }

  private container(original: Container, depth: number): Container {
    const source = original.payload === undefined ? original : hidePayload(original);
    let changes: Map<string, unknown> | undefined;
    let names: Map<string, string> | undefined;
    let taken: Map<string, number> | undefined;
    let hasSibling = false;
    for (const key in source) {
      const value = source[key];
      const field = this.field(key);
      let clean = this.walk(value, depth + 1);
      if (field.rule !== null) clean = field.rule.hide(clean);
      if (clean !== value) {
        changes ??= new Map();
        changes.set(key, clean);
      }
      if (!field.isPlain) {
        names ??= new Map();
        taken ??= new Map(Object.keys(source).map((name) => [name, 2]));
        names.set(key, this.freeName(key, taken));
      }
      hasSibling ||= field.isSibling;
    }
    const clean = changes || names ? withEntries(source, changes ?? new Map(), names ?? new Map()) : source;
    return hasSibling ? hideBySibling(clean) : clean;
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
    if (Array.isArray(value))
      return replaceCommandItems(value.map((item, index) => this.item(value, index, text(item)))).slice();
    const source = (value as Container).payload === undefined ? (value as Container) : hidePayload(value as Container);
    const taken = new Map(Object.keys(source).map((name) => [name, 2]));
    const names = new Map<string, string>();
    const changes = new Map<string, unknown>();
    for (const [key, member] of Object.entries(source)) {
      const field = this.field(key);
      const clean = text(member);
      changes.set(key, field.rule === null ? clean : field.rule.hide(clean));
      if (!field.isPlain) names.set(key, this.freeName(key, taken));
    }
    return hideBySibling(withEntries(source, changes, names));
  }

  private withAwsSecrets<T>(redact: (value: T) => T, value: T): T {
    this.sawAwsKey = false;
    const clean = redact(value);
    if (!this.sawAwsKey) return clean;
    this.hidesAwsSecrets = true;
    try {
      return redact(clean);
    } finally {
      this.hidesAwsSecrets = false;
    }
  }

  object<T>(value: T): T {
    return this.withAwsSecrets((one) => this.walk(one, 0) as T, value);
  }

  answer<T>(value: T): T {
    this.remembersItems = true;
    try {
      return this.object(value);
    } finally {
      this.remembersItems = false;
    }
  }

  text(text: string): string {
    return this.withAwsSecrets((one) => this.string(one), text);
  }

  answerText(text: string, body: string | undefined): string {
    if (!body) return this.text(text);
    const at = text.indexOf(body);
    const end = at + body.length;
    const isWholeLines = at > 0 && text[at - 1] === "\n" && text[end] === "\n";
    const isInert =
      isWholeLines && this.isInert(text.slice(0, at)) && this.isInert(text.slice(end)) && this.isInertBody(body);
    return isInert ? text : this.text(text);
  }

  private isInertBody(body: string): boolean {
    if (this.inertBodies.has(body)) return true;
    if (!this.isInert(body)) return false;
    if (this.inertBodies.size >= MAX_INERT) this.inertBodies.clear();
    this.inertBodies.add(body);
    return true;
  }

  async inParts<T, U>(value: T, clean: (value: T) => U, pause: () => Promise<void>): Promise<U> {
    const prepared = await this.prepare(value, pause);
    this.prepared = prepared;
    try {
      return clean(value);
    } finally {
      this.prepared = new Map();
    }
  }

  /** The redacted texts of a large value; nothing of a small one. */
  private async prepare(value: unknown, pause: () => Promise<void>): Promise<ReadonlyMap<string, string>> {
    const prepared = new Map<string, string>();
    if (approximateChars(value) <= CHARS_IN_PART) return prepared;
    let chars = 0;
    for (const text of textsOf(value)) {
      chars += text.length;
      if (chars > CHARS_IN_PART) {
        await pause();
        chars = text.length;
      }
      if (prepared.has(text)) continue;
      const clean = this.redactText(text);
      prepared.set(text, clean);
      // A second pass, after an AWS key was found, reads what the first one has made.
      if (clean !== text) prepared.set(clean, this.redactText(clean));
    }
    return prepared;
  }

  logs<T extends LogMessage>(lines: readonly T[]): readonly T[] {
    const clean = lines.map((line) => this.object(line));
    return redactLogLines(clean, this.redactText);
  }
}

/** The texts and names in a value. Does not recurse. */
function* textsOf(value: unknown): Iterable<string> {
  const waiting: unknown[] = [value];
  while (waiting.length > 0) {
    const one = waiting.pop();
    if (typeof one === "string") yield one;
    else if (Array.isArray(one)) for (const item of one) waiting.push(item);
    else if (typeof one === "object" && one !== null) {
      for (const key in one) {
        yield key;
        waiting.push((one as Container)[key]);
      }
    }
  }
}

export function createRedactor(options: RedactOptions): Redact {
  const redactor = new Redactor(options);
  const object = <T>(value: T): T => redactor.object(value);
  return {
    event: object,
    logs: (lines) => redactor.logs(lines),
    flowRun: object,
    taskRun: object,
    object,
    answer: (value) => redactor.answer(value),
    text: (text) => redactor.text(text),
    answerText: (text, body) => redactor.answerText(text, body),
    inParts: (value, clean, pause) => redactor.inParts(value, clean, pause),
  };
}
