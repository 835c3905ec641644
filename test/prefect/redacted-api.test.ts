/** The API that the tools use returns no secret of the workspace or of the configuration. */
import { describe, expect, test } from "bun:test";
import { AppError } from "../../src/errors.ts";
import { createRedactor } from "../../src/model/secrets/redact.ts";
import { redactedApi } from "../../src/prefect/redacted-api.ts";
import { aFlowRun, aLog, anEvent, aTaskRun } from "../support/builders.ts";
import { connect } from "../support/fake-prefect/client.ts";
import { type FakePrefect, startFakePrefect } from "../support/fake-prefect/fake-prefect.ts";
import { seededRandom } from "../support/random.ts";

const CONFIGURED = "hunter2-configured-secret";
const redact = createRedactor({ credentials: [`admin:${CONFIGURED}`] });

/** Random strings in the form of real credentials. */
function makeSecret(random: () => number): string {
  const pick = (letters: string, length: number) =>
    Array.from({ length }, () => letters[Math.floor(random() * letters.length)]).join("");
  const word = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  const shapes = [
    () => `pnu_${pick(word, 36)}`,
    () => `ghp_${pick(word, 36)}`,
    () => `AKIA${pick("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)}`,
    () => CONFIGURED,
  ];
  return (shapes[Math.floor(random() * shapes.length)] ?? (() => CONFIGURED))();
}

/** A text that contains the secret. */
function around(secret: string, random: () => number): string {
  const places = [
    `token=${secret}`,
    `Authorization: Bearer ${secret}`,
    `see "${secret}", please`,
    `${secret}\n`,
    secret,
  ];
  return places[Math.floor(random() * places.length)] ?? secret;
}

async function everything(fake: FakePrefect, id: string): Promise<string> {
  const api = redactedApi(connect(fake), redact);
  const answers: unknown[] = [
    await api.filterEvents({ occurred: { since: "2020-01-01T00:00:00Z", until: "2030-01-01T00:00:00Z" } }, 50),
    await api.filterFlowRuns({}),
    await api.readFlowRun(id),
    await api.filterTaskRuns({}),
    await api.filterLogs({}),
    await api.get("/flow_runs/any"),
  ];
  api.close();
  return JSON.stringify(answers);
}

describe("the API as tools see it", () => {
  test("contains no secret in any field, for 40 random workspaces", async () => {
    const random = seededRandom(20261122);
    for (let round = 0; round < 40; round += 1) {
      const secrets = Array.from({ length: 4 }, () => makeSecret(random));
      const [one = "", two = "", three = "", four = ""] = secrets.map((secret) => around(secret, random));
      await using fake = await startFakePrefect();
      const run = aFlowRun({ name: `load ${one}`, parameters: { deep: [{ key: two }] }, tags: [three] });
      fake.workspace.flowRuns.push(run);
      fake.workspace.taskRuns.push(aTaskRun({ name: two }));
      fake.workspace.logs.push(aLog({ message: three }));
      fake.emit(anEvent({ payload: { note: four, [`name ${one}`]: 1 }, occurred: "2026-08-20T09:00:00Z" }));
      fake.answer("GET /flow_runs/any", { nested: { list: [one, two, three, four] } });
      const text = await everything(fake, run.id);
      for (const secret of secrets) expect(text).not.toContain(secret);
      expect(text).toContain("[redacted:");
      expect(text).toContain(run.id);
    }
  });

  test("errors that quote Prefect's answer are redacted too", async () => {
    await using fake = await startFakePrefect();
    fake.answer("POST /logs/filter", { detail: `bad value pnu_${"a1B2".repeat(9)} near ${CONFIGURED}` }, 422);
    const api = redactedApi(connect(fake), redact);
    const error = await api.filterLogs({}).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(AppError);
    const { code, message } = error as AppError;
    expect(code).toBe("invalid_input");
    expect(message).not.toMatch(/pnu_a1B2|hunter2/);
    api.close();
  });

  test("answers without a secret are unchanged, and requests are counted", async () => {
    await using fake = await startFakePrefect();
    const run = aFlowRun();
    fake.workspace.flowRuns.push(run);
    const client = connect(fake);
    const api = redactedApi(client, redact);
    expect(await api.readFlowRun(run.id)).toEqual(await client.readFlowRun(run.id));
    expect([api.url, api.isCloud, api.requests]).toEqual([client.url, false, client.requests]);
    expect(api.serverOffset?.observedMs).toBe(client.serverOffset?.observedMs ?? Number.NaN);
    api.close();
  });

  test("does not hand on a member that it does not know, and has all others", async () => {
    await using fake = await startFakePrefect();
    const client = connect(fake);
    const api = redactedApi(Object.assign(client, { readSecrets: async () => CONFIGURED }), redact);
    expect("readSecrets" in api).toBe(false);
    expect([...Object.keys(api), "readSecrets"].sort()).toEqual(Object.keys(client).sort());
    expect(Object.getPrototypeOf(api)).toBe(Object.prototype);
    api.close();
  });

  test("the events and errors of a stream are redacted, and it has no unknown member", async () => {
    const client = connect({ url: "http://127.0.0.1:9/api" });
    const failure = new AppError("unauthorized", `refused: ${CONFIGURED}`, { hint: `not ${CONFIGURED}`, status: 401 });
    const ready = Promise.reject(failure);
    ready.catch(() => {});
    const stream = {
      ready,
      close: () => {},
      async *[Symbol.asyncIterator]() {
        yield [anEvent({ payload: { note: CONFIGURED } })];
        throw failure;
      },
      lastMessage: CONFIGURED,
    };
    const api = redactedApi(Object.assign(client, { openEventStream: () => stream }), redact);
    const clean = api.openEventStream({}, new AbortController().signal);
    const seen: unknown[] = [];
    const read = async () => {
      for await (const batch of clean) seen.push(...batch);
    };
    const refused = {
      code: "unauthorized",
      message: "refused: [redacted:configured-credential]",
      hint: "not [redacted:configured-credential]",
      status: 401,
    };
    await expect(read()).rejects.toMatchObject(refused);
    await expect(clean.ready).rejects.toMatchObject(refused);
    expect(seen).toMatchObject([{ payload: { note: "[redacted:configured-credential]" } }]);
    expect("lastMessage" in clean).toBe(false);
    api.close();
  });
});

test("other work has its turn while a large answer is redacted", async () => {
  await using fake = await startFakePrefect();
  const rows = Array.from({ length: 100 }, () => aFlowRun({ name: "Loaded 12 rows of table orders. ".repeat(1_500) }));
  const whole = { ...connect(fake), filterFlowRuns: () => Promise.resolve(rows) };
  const api = redactedApi(whole as never, redact);
  let turns = 0;
  let isDone = false;
  const other = () => {
    turns += 1;
    if (!isDone) setImmediate(other);
  };
  setImmediate(other);
  const answer = api.filterFlowRuns({}).finally(() => {
    isDone = true;
  });
  expect(await answer).toEqual(rows);
  expect(turns).toBeGreaterThanOrEqual(Math.floor(JSON.stringify(rows).length / (256 * 1024)));
});
