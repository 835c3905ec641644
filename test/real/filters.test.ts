import { afterAll, beforeAll, expect, test } from "bun:test";
import { AppError } from "../../src/errors.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/logger.ts";
import { createPrefectClient, type PrefectClient } from "../../src/prefect/client.ts";
import { openRecord, type RecordDb } from "../../src/store/database.ts";
import { isCaseDecidable } from "../../src/store/filters/letter-case.ts";
import { DEFAULT_CONNECTION } from "../support/default-connection.ts";
import { seededRandom } from "../support/random.ts";
import { type RealPrefect, startRealPrefect } from "../support/real-prefect/real-prefect.ts";
import { isAtLeast } from "../support/real-prefect/target.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import {
  agree,
  askRecord,
  askServer,
  type Filled,
  fillRecord,
  isOrderOfServer,
  postBy,
  randomQuestion,
} from "./filter-agreement.ts";
import { makeWorkspace, postTo } from "./filter-workspace.ts";
import { allPaths, type Drawn } from "./random-filters.ts";

/**
 * What older servers lack, the client makes up for: there the record has to agree with the client, which is what answers are made from.
 */
const IS_NEWEST = isAtLeast("3.8.8");
/** The same seed makes the same workspace and the same questions. */
const SEED = 20_261_122;
const QUESTIONS = IS_NEWEST ? 2_200 : 1_000;
/** Questions asked concurrently. */
const TOGETHER = 4;

/** Nothing but the scheduler may change the workspace while it is compared. */
const QUIET = Object.fromEntries(
  ["LATE_RUNS", "PAUSE_EXPIRATIONS", "CANCELLATION_CLEANUP", "FOREMAN", "TRIGGERS", "TASK_RUN_RECORDER"].map(
    (service) => [`PREFECT_SERVER_SERVICES_${service}_ENABLED`, "false"],
  ),
);

let prefect: RealPrefect;
let db: RecordDb;
let filled: Filled;
const random = seededRandom(SEED);

beforeAll(async () => {
  prefect = await startRealPrefect({ env: QUIET });
  const post = postTo(prefect.url);
  await makeWorkspace(post, random);
  await scheduledRuns(post);
  db = openRecord(":memory:", "write");
  filled = await fillRecord(db, post);
});

afterAll(async () => {
  db?.close();
  await prefect?.[Symbol.asyncDispose]();
});

/** Waits for the runs of schedules, the only ones with a creator: three of each deployment that is not paused. */
async function scheduledRuns(post: ReturnType<typeof postTo>): Promise<void> {
  const deployments = (await post("/deployments/filter", {})) as {
    id: string;
    paused: boolean;
    schedules: unknown[];
  }[];
  // One that was paused since may have runs, too.
  const scheduled = new Set(
    deployments.filter(({ paused, schedules }) => !paused && schedules.length > 0).map(({ id }) => id),
  );
  expect(scheduled.size).toBeGreaterThan(0);
  const count = async () => {
    const rows = (await post("/flow_runs/filter", { limit: 200 })) as {
      auto_scheduled: boolean;
      deployment_id: string;
    }[];
    return rows.filter(({ auto_scheduled, deployment_id }) => auto_scheduled && scheduled.has(deployment_id)).length;
  };
  await waitUntil("the scheduler has made its runs", count, (found) => found === 3 * scheduled.size);
}

/** What the client refuses in so many words: criteria that an older server lacks, in a question about another kind. */
function nullWhereRefused(error: unknown): null {
  if (!IS_NEWEST && error instanceof AppError && error.message.startsWith("This Prefect server cannot filter"))
    return null;
  throw error;
}

function openClient(url: string): PrefectClient {
  return createPrefectClient({ ...DEFAULT_CONNECTION, url }, { clock: systemClock, logger: silentLogger });
}

test("record and server name the same rows in the same order, for random filters over every field and operator", async () => {
  const client = IS_NEWEST ? null : openClient(prefect.url);
  const post = client === null ? postTo(prefect.url) : postBy(client);
  const drawn: Drawn = new Map();
  const outcomes = { same: 0, ties: 0, order: 0, ids: 0 };
  const wrong: string[] = [];
  let matching = 0;
  let refused = 0;
  for (let asked = 0; asked < QUESTIONS; asked += TOGETHER) {
    const questions = Array.from({ length: TOGETHER }, () => randomQuestion(random, filled.values, drawn));
    const answers = await Promise.all(questions.map((question) => askServer(post, question).catch(nullWhereRefused)));
    for (const [index, question] of questions.entries()) {
      const server = answers[index] ?? null;
      if (server === null) {
        refused += 1;
        continue;
      }
      // Prefect is asked instead.
      if (!isCaseDecidable(db, question.set) || !isOrderOfServer(db, question)) continue;
      const record = askRecord(db, question);
      if (server.length > 0) matching += 1;
      const outcome = agree(filled.rows, question.sort, server, record);
      outcomes[outcome] += 1;
      if (outcome === "same" || outcome === "ties") continue;
      wrong.push(
        `${outcome}: ${question.route.path} ${question.sort} ${JSON.stringify(question.set)}: ${server.length} on the server, ${record.length} in the record`,
      );
    }
  }
  client?.close();
  const unasked = allPaths().filter((path) => !drawn.has(path));
  process.stdout.write(
    `filters: seed ${SEED}, ${QUESTIONS} asked, ${matching} returned something, ${refused} refused, ${outcomes.same} in the same order, ${outcomes.ties} except for ties\n`,
  );
  expect(wrong.slice(0, 5)).toEqual([]);
  expect(refused).toBeLessThan(IS_NEWEST ? 1 : QUESTIONS / 10);
  expect(unasked).toEqual([]);
  expect(matching).toBeGreaterThan(QUESTIONS / 3);
});
