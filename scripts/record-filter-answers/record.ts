/**
 * Records the answers of Prefect's own SQL to random event filters, for test/model/event-filter.test.ts:
 *
 *     bun scripts/record-filter-answers/record.ts [filters=250] [seed=1]
 *
 * Needs the .venv that `bun run test` creates. Text outside ASCII is left out, because there the record finds more than SQLite.
 */
import { join } from "node:path";
import type { EventFilter } from "../../src/model/events/event-filter.ts";
import { someEvent, someFilter } from "../../test/store/events/random-events.ts";
import { seededRandom } from "../../test/support/random.ts";

const root = join(import.meta.dir, "../..");
const [count = 250, seed = 1] = process.argv.slice(2).map(Number);
const random = seededRandom(seed);
const events = Array.from({ length: 40 }, (_, n) => {
  const event = someEvent(random);
  // Some primary resources carry a role label, as those of work pools do.
  return n % 4 ? event : { ...event, resource: { ...event.resource, "prefect.resource.role": "flow" } };
});
const filters: EventFilter[] = [];
while (filters.length < count) {
  const filter = someFilter(random, events);
  if (/[^ -~]/.test(filter.text?.query ?? "") || filter.resource?.distinct) continue;
  filters.push(filter);
}
const python = Bun.spawnSync({
  cmd: [join(root, ".venv/bin/python"), join(root, "scripts/record-filter-answers/ask-prefect.py")],
  stdin: new TextEncoder().encode(JSON.stringify({ events, filters })),
  stderr: "inherit",
});
if (python.exitCode !== 0) process.exit(1);
const answers = JSON.parse(python.stdout.toString()) as string[][];
const lines = filters.map((filter, n) =>
  JSON.stringify({ filter, ids: answers[n]?.map((id) => events.findIndex((event) => event.id === id)) }),
);
const text = `{"events":[\n${events.map((event) => JSON.stringify(event)).join(",\n")}\n],"answers":[\n${lines.join(",\n")}\n]}\n`;
await Bun.write(join(root, "test/fixtures/event-filter-answers.json"), text);
console.log(`${filters.length} filters over ${events.length} events recorded`);
