/**
 * Kills a writer with SIGKILL at random moments and checks the record afterwards:
 *
 * bun scripts/kill-campaign.ts [rounds=200] [writers=1] [seed=1]
 *
 * After each kill, integrity_check must pass, text indexes, counts by hour and postings must agree with the rows, and
 * no claimed event may be missing. Several writers are all killed at once. Exit code 1 at the first fault.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRecord } from "../src/store/database.ts";
import { findEventRange } from "../src/store/events/events.ts";
import { claimedCount, findFaults } from "../test/store/check-record.ts";
import { seededRandom } from "../test/support/random.ts";

const [rounds = 200, writers = 1, seed = 1] = process.argv.slice(2).map(Number);
const script = join(import.meta.dir, "../test/store/record-process.ts");
const random = seededRandom(seed);
const pick = (from: readonly number[]) => from[Math.floor(random() * from.length)] ?? 0;

const dir = mkdtempSync(join(tmpdir(), "kill-campaign-"));
let [file, kills, claimed, slowestOpenMs, files] = [join(dir, "record-0.sqlite"), 0, 0, 0, 1];
const faults: string[] = [];
for (let round = 1; round <= rounds && faults.length === 0; round += 1) {
  // A new file every 25 rounds, because the checks read all of it.
  if (round % 25 === 0) [file, claimed, files] = [join(dir, `record-${files}.sqlite`), 0, files + 1];
  const children = Array.from({ length: writers }, () => {
    const settings = [
      pick([1, 20, 50, 200, 1000]),
      pick([50, 1000, 4000, 16_000]),
      random() < 0.7 ? Math.floor(claimed / 10) * 10 : 0,
    ];
    return Bun.spawn({
      cmd: [process.execPath, script, "ingest", file, ...settings.map(String)],
      stdout: "pipe",
      stderr: "inherit",
    });
  });
  await Promise.all(children.map((child) => child.stdout.getReader().read()));
  await Bun.sleep(random() * 150);
  for (const child of children) child.kill("SIGKILL");
  await Promise.all(children.map((child) => child.exited));
  kills += writers;
  const from = performance.now();
  const db = openRecord(file, "write");
  slowestOpenMs = Math.max(slowestOpenMs, performance.now() - from);
  if (db.notice) faults.push(db.notice);
  faults.push(...findFaults(db));
  const now = claimedCount(db);
  if (now < claimed) faults.push(`${claimed} events were claimed, now ${now}`);
  claimed = now;
  if (round % 20 === 0 || round === rounds)
    console.log(
      `round ${round}: ${kills} kills, ${findEventRange(db)?.count} events held, ${claimed} claimed, reopened in at most ${slowestOpenMs.toFixed(1)} ms`,
    );
  db.close();
}
if (faults.length > 0) console.error(`seed ${seed}, kept in ${dir}:\n${faults.slice(0, 20).join("\n")}`);
else {
  rmSync(dir, { recursive: true, force: true });
  console.log(`${kills} kills, no fault`);
}
process.exit(faults.length > 0 ? 1 : 0);
