/**
 * Compares this server with the official one (PyPI prefect-mcp) on one real Prefect: tokens, milliseconds, requests, facts.
 *
 *   bun scripts/compare-peer.ts
 */
import { join } from "node:path";
import { compareWithPeer, comparisonTable } from "../test/support/peer/comparison.ts";
import { startRealPrefect } from "../test/support/real-prefect/real-prefect.ts";
import { preparePeer, preparePrefect } from "./python.ts";

const root = join(import.meta.dir, "..");
for (const prepare of [preparePrefect, preparePeer]) {
  const setup = await prepare(root, console.error);
  if (!setup.ready) {
    console.error(setup.reason);
    process.exit(1);
  }
}
await using prefect = await startRealPrefect();
const { rows } = await compareWithPeer(prefect, await prefect.fill());
console.log(comparisonTable(rows));
