import { type PrefectEvent, RESOURCE_ID, RESOURCE_NAME, RESOURCE_ROLE } from "../../model/events/event.ts";
import { indexText } from "../../model/text/words.ts";

type Labels = Readonly<Record<string, string>>;

/**
 * The distinct strings of several events that text search looks at: the name, and keys and string values of resource,
 * related and payload.
 */
export class EventStrings {
  private readonly strings = new Set<string>();
  /** Nearly every event of a run has the same related resources: the same three labels are collected once. */
  private readonly seen = new Map<string, Labels>();

  add(event: PrefectEvent): void {
    this.strings.add(event.event);
    this.collect(event.resource);
    for (const related of event.related) if (!this.isSeen(related)) this.collect(related);
    this.collect(event.payload);
  }

  /** The text for the word index. */
  text(): string {
    return [...this.strings].map(indexText).join("\n");
  }

  private isSeen(labels: Labels): boolean {
    const id = labels[RESOURCE_ID] ?? "";
    const before = this.seen.get(id);
    this.seen.set(id, labels);
    if (!before) return false;
    if (before[RESOURCE_NAME] !== labels[RESOURCE_NAME] || before[RESOURCE_ROLE] !== labels[RESOURCE_ROLE])
      return false;
    let further = 0;
    for (const key in labels) if (key !== RESOURCE_ID && key !== RESOURCE_NAME && key !== RESOURCE_ROLE) further += 1;
    return further === 0;
  }

  private collect(value: unknown): void {
    if (typeof value === "string") this.strings.add(value);
    else if (Array.isArray(value)) for (const item of value) this.collect(item);
    else if (isObject(value)) {
      // for…in is safe for objects of JSON.parse, and takes half the time of Object.entries.
      for (const key in value) {
        this.strings.add(key);
        this.collect(value[key]);
      }
    }
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Name, keys and string values of an event in the order of the document, to be searched as one text. */
export function stringsOf(event: PrefectEvent): string[] {
  const strings: string[] = [event.event];
  const collect = (value: unknown): void => {
    if (typeof value === "string") strings.push(value);
    else if (Array.isArray(value)) for (const item of value) collect(item);
    else if (isObject(value)) {
      for (const key in value) {
        strings.push(key);
        collect(value[key]);
      }
    }
  };
  collect(event.resource);
  collect(event.related);
  collect(event.payload);
  return strings;
}
