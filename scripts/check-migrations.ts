/**
 * Checks that src/store/schema and drizzle/ describe the same tables (`drizzle-kit generate` has nothing to write), and that all
 * migrations are embedded, in order. Part of `bun run check`. A migration is a plain SQL file; FTS5, triggers, STRICT and WITHOUT
 * ROWID are added to it by hand after `bunx drizzle-kit generate`.
 */
import { cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRecord } from "../src/store/database.ts";
import { expectedNames, MIGRATIONS } from "../src/store/file/migrations.ts";

const root = join(import.meta.dir, "..");
const problems: string[] = [];

const files = readdirSync(join(root, "drizzle")).filter((name) => name.endsWith(".sql"));
const embedded = MIGRATIONS.map(({ name }) => `${name}.sql`);
if (files.sort().join() !== embedded.join()) {
  problems.push(`drizzle/ contains ${files.join(", ")}, src/store/file/migrations.ts embeds ${embedded.join(", ")}`);
}

// drizzle-kit writes what is missing, so it runs on a copy.
const copy = mkdtempSync(join(tmpdir(), "check-migrations-"));
try {
  cpSync(join(root, "drizzle"), join(copy, "drizzle"), { recursive: true });
  const generate = Bun.spawnSync({
    cmd: [
      process.execPath,
      "x",
      "drizzle-kit",
      "generate",
      "--dialect=sqlite",
      "--schema=./src/store/schema/*.ts",
      `--out=${join(copy, "drizzle")}`,
    ],
    cwd: root,
    stderr: "pipe",
  });
  const output = `${generate.stdout}${generate.stderr}`;
  if (generate.exitCode !== 0) problems.push(`drizzle-kit generate failed: ${output.trim()}`);
  const written = readdirSync(join(copy, "drizzle")).filter((name) => name.endsWith(".sql") && !files.includes(name));
  if (written.length > 0)
    problems.push(
      `the schema differs from drizzle/: run \`bunx drizzle-kit generate\` and finish ${written.join()} by hand`,
    );
} finally {
  rmSync(copy, { recursive: true, force: true });
}

const db = openRecord(":memory:", "write");
const notStrict = db.sqlite
  .query<{ name: string }, []>(
    "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND NOT strict AND name NOT LIKE 'sqlite%'",
  )
  .all();
if (notStrict.length > 0) problems.push(`not STRICT: ${notStrict.map(({ name }) => name).join(", ")}`);
db.close();

if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
console.log(`${files.length} migration(s), ${expectedNames().length} tables, indexes and triggers: as the schema says`);
