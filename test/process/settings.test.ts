import { afterAll, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startFakePrefect } from "../support/fake-prefect/fake-prefect.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import { makePlace, startClient } from "./program.ts";

const place = makePlace();
const prefect = await startFakePrefect();

afterAll(async () => {
  await prefect.stop();
  place[Symbol.dispose]();
});

test("every call reports a broken profiles.toml; after it is corrected the same process answers and syncs", async () => {
  const home = join(place.dir, ".prefect");
  const profiles = join(home, "profiles.toml");
  mkdirSync(home, { recursive: true });
  writeFileSync(profiles, 'active = "shop"\n[profiles.shop\n');
  await using client = startClient(await place.command("source"), { cwd: place.dir, env: place.env() });
  await client.initialize();
  const { result } = await client.request("tools/list");
  expect(((result?.tools ?? []) as unknown[]).length).toBeGreaterThan(5);

  for (const tool of ["get_identity", "read_events"]) {
    const broken = await client.call(tool);
    expect(broken).toMatchObject({ code: "invalid_config", retryable: false });
    expect(String(broken.message)).toContain(profiles);
  }

  writeFileSync(profiles, `active = "nowhere"\n[profiles.shop]\nPREFECT_API_URL = "${prefect.url}"\n`);
  const unknown = await client.call("get_identity");
  expect(unknown).toMatchObject({ code: "invalid_config" });
  expect(String(unknown.message)).toContain("nowhere");

  writeFileSync(profiles, `active = "shop"\n[profiles.shop]\nPREFECT_API_URL = "${prefect.url}"\n`);
  const corrected = await client.call("get_identity");
  expect(corrected.code).toBeUndefined();
  await waitUntil("it syncs", async () => (await client.call("get_record_status")).syncing === "self");
  await client.close();
  expect(client.child.exitCode).toBe(0);
  expect(await client.stderr()).toContain(profiles);
});

test("without Prefect and without a record the error says what to do", async () => {
  await using client = startClient(await place.command("source"), {
    cwd: place.dir,
    env: place.env({ PREFECT_API_URL: "http://127.0.0.1:9/api" }),
  });
  await client.initialize();
  const answer = await client.call("get_dashboard");
  expect(answer).toMatchObject({ code: "unavailable", retryable: true });
  expect(String(answer.hint)).toContain("PREFECT_API_URL");
});
