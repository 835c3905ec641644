/** The shipped program while its wall clock is set and while it is suspended. The clocks of the machine stay as they are. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/lib/clock.ts";
import { formatIsoUs, parseIsoUs, SECOND_US } from "../../src/lib/time.ts";
import { anEvent } from "../support/builders.ts";
import { type FakePrefect, startFakePrefect } from "../support/fake-prefect/fake-prefect.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import { type LineClient, makePlace, startClient } from "./program.ts";

const HOURS = 2 * 3_600_000;
/** The `Date` header has whole seconds and may be a second old. */
const DATE_ERROR_US = 3_500_000;
/** PREFECT_MCP_FRESH_SECONDS of the programs: where none syncs, answers of the record are not older. While one does, 45 s. */
const FRESH_SECONDS = 5;
const OLDEST_US = 45 * SECOND_US;

const dirs: string[] = [];
afterAll(() => {
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
});

/** The clocks of the programs on one machine, relative to those of the test. */
class Clocks {
  readonly file: string;
  private readonly offsets: Float64Array;

  constructor() {
    const dir = mkdtempSync(join(tmpdir(), "prefect-mcp-clock-"));
    dirs.push(dir);
    this.file = join(dir, "offsets");
    writeFileSync(this.file, new Uint8Array(16));
    this.offsets = new Float64Array(Bun.mmap(this.file, { shared: true }).buffer);
  }

  set(wallMs: number, monotonicMs = 0): void {
    this.offsets[0] = wallMs;
    this.offsets[1] = monotonicMs;
  }
}

interface Scene extends AsyncDisposable {
  readonly prefect: FakePrefect;
  readonly clocks: Clocks;
  /** True time passes for the server alone. */
  passOnServer(ms: number): void;
  serverNowUs(): number;
  start(env?: Record<string, string>): Promise<LineClient>;
  /** Prefect stores an event of now that it sends to no websocket. */
  happen(name: string): void;
}

async function aScene(): Promise<Scene> {
  const place = makePlace();
  const clocks = new Clocks();
  let passedMs = 0;
  const serverNowUs = () => Math.floor(systemClock.nowUs() + passedMs * 1000);
  const prefect = await startFakePrefect({ nowUs: serverNowUs });
  const [bun, main] = await place.command("source");
  const command = [bun ?? "", "--preload", Bun.fileURLToPath(import.meta.resolve("./clock-shim.ts")), main ?? ""];
  return {
    prefect,
    clocks,
    serverNowUs,
    passOnServer: (ms) => {
      passedMs += ms;
    },
    happen(name) {
      const now = formatIsoUs(serverNowUs());
      prefect.emit(anEvent({ event: name, occurred: now, received: now }), { socket: false });
    },
    async start(env = {}) {
      const client = startClient(command, {
        cwd: place.dir,
        env: place.env({
          PREFECT_API_URL: prefect.url,
          CLOCK_SHIM_FILE: clocks.file,
          PREFECT_MCP_FRESH_SECONDS: String(FRESH_SECONDS),
          ...env,
        }),
      });
      await client.initialize();
      return client;
    },
    async [Symbol.asyncDispose]() {
      await prefect.stop();
      place[Symbol.dispose]();
    },
  };
}

interface Answer {
  readonly events: readonly { readonly event: string }[];
  readonly source: string;
  readonly as_of: string;
  readonly coverage: { readonly complete: boolean; readonly to: string };
}

async function ask(client: LineClient, fresh: boolean): Promise<Answer> {
  return (await client.call("read_events", { event_type_prefix: "shop.", fresh })) as unknown as Answer;
}

const names = (answer: Answer) => answer.events.map(({ event }) => event).sort();

/**
 * Asks until the record has all events. No answer on the way may claim more than it has: where it says that it is complete, it is of
 * now, and has the event that Prefect holds.
 */
async function watch(scene: Scene, client: LineClient, expected: readonly string[], isSynced = true): Promise<void> {
  const happenedUs = scene.serverNowUs();
  await waitUntil("an answer has the event", async () => {
    let isThere = false;
    for (const fresh of [true, false]) {
      const beforeUs = scene.serverNowUs();
      const answer = await ask(client, fresh);
      const afterUs = scene.serverNowUs();
      const { as_of, coverage } = answer;
      const asOfUs = parseIsoUs(as_of) ?? 0;
      expect(asOfUs).toBeLessThanOrEqual(afterUs);
      expect(asOfUs).toBeGreaterThan(beforeUs - (fresh ? DATE_ERROR_US : OLDEST_US));
      expect(parseIsoUs(coverage.to) ?? 0).toBeLessThanOrEqual(afterUs);
      const claimsIt = coverage.complete && (parseIsoUs(coverage.to) ?? 0) > happenedUs;
      if (claimsIt || fresh) expect(names(answer)).toEqual([...expected]);
      isThere = claimsIt && (answer.source === "record" || !isSynced);
    }
    return isThere;
  });
}

const readsFromRecord = (client: LineClient) =>
  waitUntil("it answers from the record", async () => {
    const answer = await ask(client, false);
    return answer.source === "record" && answer.coverage.complete && names(answer).includes("shop.opened");
  });

const SET = "the clock of this machine was set, or the machine was suspended";
const logged = (stderr: string) =>
  stderr
    .split("\n")
    .filter((line) => line.includes(SET))
    .map((line) => (JSON.parse(line) as { by_seconds: number }).by_seconds);

describe("a program whose wall clock is set", () => {
  test.each([HOURS, -HOURS])("by %p ms claims nothing that it does not have, and logs it once", async (ms) => {
    await using scene = await aScene();
    scene.happen("shop.opened");
    await using client = await scene.start();
    await readsFromRecord(client);

    scene.clocks.set(ms);
    scene.happen("shop.sold");
    await watch(scene, client, ["shop.opened", "shop.sold"]);

    await client.close();
    expect(logged(await client.stderr())).toEqual([ms / 1000]);
  });
});

describe("a program that was suspended", () => {
  test.each([
    ["and whose monotonic clock counts that", HOURS],
    ["and whose monotonic clock stood still", 0],
  ])("%s claims nothing that it does not have", async (_how, monotonicMs) => {
    await using scene = await aScene();
    scene.happen("shop.opened");
    await using client = await scene.start();
    await readsFromRecord(client);

    client.child.kill("SIGSTOP");
    scene.passOnServer(HOURS);
    scene.clocks.set(HOURS, monotonicMs);
    scene.happen("shop.sold");
    client.child.kill("SIGCONT");
    await watch(scene, client, ["shop.opened", "shop.sold"]);
    await client.close();
  });
});

describe("of two programs whose wall clock is set", () => {
  const syncing = async (client: LineClient) => (await client.call("get_record_status")).syncing;
  const becomes = (client: LineClient, who: "self" | "other" | "none") =>
    waitUntil(`syncing: ${who}`, async () => (await syncing(client)) === who);

  test.each([HOURS, -HOURS])(
    "by %p ms the one that syncs goes on, and the other one takes over after it",
    async (ms) => {
      await using scene = await aScene();
      scene.happen("shop.opened");
      await using first = await scene.start();
      await becomes(first, "self");
      await using second = await scene.start();
      await becomes(second, "other");
      await readsFromRecord(second);

      scene.clocks.set(ms);
      scene.happen("shop.sold");
      await watch(scene, second, ["shop.opened", "shop.sold"]);
      await becomes(second, "other");
      expect(await syncing(first)).toBe("self");

      first.child.kill("SIGKILL");
      await first.child.exited;
      scene.happen("shop.swept");
      await watch(scene, second, ["shop.opened", "shop.sold", "shop.swept"]);
      expect(await syncing(second)).toBe("self");
    },
  );

  test("back, the one that only reads does not take a dead one for alive", async () => {
    await using scene = await aScene();
    scene.happen("shop.opened");
    await using first = await scene.start();
    await becomes(first, "self");
    await using second = await scene.start({ PREFECT_MCP_SYNC: "off" });
    await becomes(second, "other");

    first.child.kill("SIGKILL");
    await first.child.exited;
    scene.clocks.set(-HOURS);
    scene.happen("shop.sold");
    expect(await syncing(second)).toBe("none");
    await watch(scene, second, ["shop.opened", "shop.sold"], false);
  });
});
