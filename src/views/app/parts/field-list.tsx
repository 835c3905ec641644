/** Any value of an answer as words: lists as lists, objects as names and values. Text stays text. */
import { isObject } from "../answers/read.ts";

const MOST_ITEMS = 50;

export function FieldList({ value, depth = 0 }: { value: unknown; depth?: number }) {
  if (value === null || value === undefined) return <span class="quiet">none</span>;
  if (Array.isArray(value)) return <Items items={value} depth={depth} />;
  if (!isObject(value)) return <span>{typeof value === "string" ? value : JSON.stringify(value)}</span>;
  if (depth > 4) return <code>{JSON.stringify(value)}</code>;
  return (
    <dl>
      {Object.entries(value).map(([key, one]) => (
        <div key={key}>
          <dt>{key.replaceAll("_", " ")}</dt>
          <dd>
            <FieldList value={one} depth={depth + 1} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Items({ items, depth }: { items: readonly unknown[]; depth: number }) {
  if (items.length === 0) return <span class="quiet">none</span>;
  return (
    <ul>
      {items.slice(0, MOST_ITEMS).map((item, index) => (
        <li key={index}>
          <FieldList value={item} depth={depth + 1} />
        </li>
      ))}
      {items.length > MOST_ITEMS && <li class="quiet">{items.length - MOST_ITEMS} more</li>}
    </ul>
  );
}
