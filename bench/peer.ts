/** The official server (PyPI prefect-mcp) and this one, asked the same questions about one real Prefect. */

import { preparePeer, preparePrefect } from "../scripts/python.ts";
import { compareWithPeer } from "../test/support/peer/comparison.ts";
import { startRealPrefect } from "../test/support/real-prefect/real-prefect.ts";
import type { Row } from "./figures.ts";

/** Makes the virtual environments of both first, where they are missing. Throws when that is not possible. */
export async function measurePeer(root: string, say: (line: string) => void): Promise<Row[]> {
  for (const prepare of [preparePrefect, preparePeer]) {
    const setup = await prepare(root, say);
    if (!setup.ready) throw new Error(setup.reason);
  }
  await using prefect = await startRealPrefect();
  const { rows } = await compareWithPeer(prefect, await prefect.fill());
  return rows.map(({ name, peer, ours }) => ({
    what: name,
    found: `${ours.ms.toFixed(2)} ms, peer ${peer.ms.toFixed(0)} ms`,
    aim: `${(peer.ms / ours.ms).toFixed(0)} × (aim ≥ 100); text ${ours.tokens} tokens, peer ${peer.tokens}; requests ${ours.requests}, peer ${peer.requests}`,
  }));
}
