import type { ServerUs } from "../../lib/time.ts";
import { compileNameFilter, type EventFilter, restrictsNames } from "../../model/events/event-filter.ts";
import type { RecordDb } from "../database.ts";
import type { ResourceRow } from "../schema/event.ts";

/**
 * Numbers of event names and resources; new ones are added. For the writer, inside a transaction. Its cache is cleared after a
 * rollback and when another process has written, because a number may then belong to another string.
 */
export interface WriterDictionaries {
  nameId(name: string): number;
  /** `name`: the resource's name in this event, if any. The name with the latest `occurredUs` becomes the resource's name. */
  resourceId(resourceId: string, name: string | undefined, occurredUs: ServerUs): number;
}

/** Cached columns of a resource, updated with its row. */
type KnownResource = { -readonly [Column in "id" | "name" | "name_us"]: ResourceRow[Column] };

/**
 * A cache of the most recently used values: at least `size`, at most twice as many. When `size` new ones have been
 * added, the older half is dropped, except for values that were read since.
 */
class RecentMap<V> {
  private young = new Map<string, V>();
  private old = new Map<string, V>();
  private readonly size: number;

  constructor(size: number) {
    this.size = size;
  }

  get(key: string): V | undefined {
    const found = this.young.get(key);
    if (found !== undefined) return found;
    const older = this.old.get(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  set(key: string, value: V): void {
    if (this.young.size >= this.size) {
      this.old = this.young;
      this.young = new Map();
    }
    this.young.set(key, value);
  }

  clear(): void {
    this.young.clear();
    this.old.clear();
  }
}

const CACHED_RESOURCES = 20_000;

export function createWriterDictionaries(db: RecordDb): WriterDictionaries {
  const names = new Map<string, number>();
  const resources = new RecentMap<KnownResource>(CACHED_RESOURCES);
  db.onInvalidate(() => {
    names.clear();
    resources.clear();
  });

  const addName = db.prepare<unknown, [string]>("INSERT INTO event_name(name) VALUES (?)");
  const readName = db.prepare<{ id: number }, [string]>("SELECT id FROM event_name WHERE name = ?");
  const addResource = db.prepare<unknown, [string, string | null, number | null]>(
    "INSERT INTO resource(resource_id, name, name_us, renamed) VALUES (?, ?, ?, 0) ON CONFLICT DO NOTHING",
  );
  const readResource = db.prepare<KnownResource, [string]>(
    "SELECT id, name, name_us FROM resource WHERE resource_id = ?",
  );
  const rename = db.prepare<unknown, [string | null, number | null, number, number]>(
    "UPDATE resource SET name = ?, name_us = ?, renamed = ? WHERE id = ?",
  );

  const knownResource = (resourceId: string, name: string | undefined, occurredUs: ServerUs): KnownResource => {
    const known = resources.get(resourceId);
    if (known) return known;
    const nameUs = name === undefined ? null : occurredUs;
    const { changes, lastInsertRowid } = addResource.run(resourceId, name ?? null, nameUs);
    const fresh = { id: Number(lastInsertRowid), name: name ?? null, name_us: nameUs };
    const row = changes > 0 ? fresh : (readResource.get(resourceId) ?? fresh);
    resources.set(resourceId, row);
    return row;
  };

  return {
    nameId(name) {
      let id = names.get(name);
      if (id === undefined) {
        id = readName.get(name)?.id ?? Number(addName.run(name).lastInsertRowid);
        names.set(name, id);
      }
      return id;
    },
    resourceId(resourceId, name, occurredUs) {
      const known = knownResource(resourceId, name, occurredUs);
      if (name !== undefined && name !== known.name) {
        const isFirst = known.name === null;
        if (isFirst || occurredUs >= (known.name_us ?? 0)) {
          known.name = name;
          known.name_us = occurredUs;
        }
        rename.run(known.name, known.name_us, isFirst ? 0 : 1, known.id);
      }
      return known.id;
    },
  };
}

/** Event names by number, for readers. Cached until a name is added; numbers are never reused. */
export function findEventNames(db: RecordDb): ReadonlyMap<number, string> {
  const cache = db.perConnection("event-names", () => {
    const made = { newest: -1, names: new Map<number, string>() };
    db.onInvalidate((why) => {
      if (why !== "foreign write") made.newest = -1;
    });
    return made;
  });
  const newest = db.prepare<{ id: number | null }, []>("SELECT max(id) AS id FROM event_name").get()?.id ?? 0;
  if (newest !== cache.newest) {
    const rows = db.prepare<{ id: number; name: string }, []>("SELECT id, name FROM event_name").all();
    cache.names = new Map(rows.map((row) => [row.id, row.name]));
    cache.newest = newest;
  }
  return cache.names;
}

/** Event names that begin with the text, case of ASCII letters ignored, in order. */
export function findEventNamesStartingWith(db: RecordDb, text: string, limit: number): string[] {
  return db
    .prepare<{ name: string }, [string, string, number]>(
      "SELECT name FROM event_name WHERE substr(lower(name), 1, length(?)) = ? ORDER BY name LIMIT ?",
    )
    .all(text, text.toLowerCase(), limit)
    .map((row) => row.name);
}

/** Numbers of the event names that match, or null when the filter does not restrict names. */
export function findMatchingNames(db: RecordDb, filter: EventFilter["event"]): ReadonlySet<number> | null {
  if (!restrictsNames(filter)) return null;
  const matches = compileNameFilter(filter);
  const numbers = new Set<number>();
  for (const [id, name] of findEventNames(db)) if (matches(name)) numbers.add(id);
  return numbers;
}

/** Number of a resource by its whole id, or undefined when no recorded event has it. */
export function findResourceNumber(db: RecordDb, resourceId: string): number | undefined {
  return db.prepare<{ id: number }, [string]>("SELECT id FROM resource WHERE resource_id = ?").get(resourceId)?.id;
}
