/**
 * Secrets of every kind, planted in every field that a user or a flow writes, are in no file of the data folder, in no answer and in no
 * line of the log: from the record, from Prefect, in errors.
 */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatIsoUs } from "../../src/lib/time.ts";
import {
  CODE,
  COMMANDS,
  DEVICES,
  LANGUAGES,
  LISTED_COMMANDS,
  MARKUP,
  SENTENCES,
  SQL,
} from "../model/secrets/common-forms.ts";
import { DATA, DIALOGUES, FILES, HEADERS } from "../model/secrets/placed-forms.ts";
import { password, privateKey, TOKEN_TEMPLATES, tokenSample } from "../model/secrets/secret-samples.ts";
import {
  aConcurrencyLimit,
  aDeployment,
  aFlow,
  aFlowRun,
  aFlowRunEvent,
  aLog,
  anArtifact,
  anAutomation,
  anEvent,
  aState,
  aTaskRun,
  aTaskRunEvent,
  aVariable,
  aWorkPool,
} from "../support/builders.ts";
import { type FakePrefect, startFakePrefect } from "../support/fake-prefect/fake-prefect.ts";
import { runProduct, startProduct } from "../support/process/product.ts";
import { seededRandom } from "../support/random.ts";
import { waitUntil } from "../support/time/wait-until.ts";

const KNOWN_FORMS = [SQL, CODE, SENTENCES, MARKUP, LANGUAGES, COMMANDS, DEVICES];
const FORMS = [...KNOWN_FORMS, LISTED_COMMANDS, DATA, DIALOGUES, FILES, HEADERS].flat();

type Planter = ReturnType<typeof createPlanter>;

/** Texts with secrets, the kinds one after the other; `planted` lists the secrets. */
function createPlanter(seed: number) {
  const random = seededRandom(seed);
  const planted: string[] = [];
  let written = 0;
  const note = (secret: string) => {
    planted.push(secret);
    return secret;
  };
  const secretValue = () => note(password(random, 20, "_-+/"));
  const texts: readonly (() => string)[] = [
    ...TOKEN_TEMPLATES.map((template) => () => {
      const { text, secret } = tokenSample(template, random);
      note(secret);
      return text;
    }),
    () => `AWS_SECRET_ACCESS_KEY=${secretValue()}`,
    () => `PGPASSWORD=${secretValue()} psql`,
    () => `{"api_key": "${secretValue()}"}`,
    () => `{\\"client_secret\\": \\"${secretValue()}\\"}`,
    () => `{'password': '${secretValue()}'}`,
    () => `curl -H "Authorization: Token ${secretValue()}" https://example.com`,
    () => `postgresql://etl:${note(password(random, 16, "/#?!"))}@db.internal:5432/prefect`,
    () => `https://acct.blob.core.windows.net/c?sv=1&sig=${note(password(random, 24, ""))}%3D`,
    () => `Server=db;Password=${secretValue()};Encrypt=yes`,
    () => `Cookie: session=${secretValue()}`,
    () => `tool --token ${secretValue()} run`,
    () => `db:\n  password: |\n    ${secretValue()}\n  host: db`,
    () => `connecting to etl:${note(password(random, 16, ""))}@db.internal:5432/prefect`,
    () => `sshpass -p '${note(password(random, 16, ""))}' ssh host`,
    () => `kind: Secret\ndata:\n  conn: ${note(btoa(password(random, 18, "")))}\n`,
    () => `config ${note(btoa(`{"username":"etl","password":"${password(random, 20, "")}"}`))} loaded`,
    () => `requests.get(url, auth=("etl", "${note(password(random, 16, ""))}"))`,
    () => `the password is ${note(password(random, 16, ""))} now`,
    ...FORMS.map((form) => () => form.replaceAll("§", note(password(random, 16, "")))),
    () => `\x1b[32mINFO\x1b[0m \x1b[1msshpass -p ${note(password(random, 16, ""))} ssh h\x1b[0m`,
    () => `GET https://example.com/q?sql=${encodeURIComponent(`SET PASSWORD = "${note(password(random, 16, ""))}"`)}`,
    () =>
      `Traceback (most recent call last):\n  File "/srv/f.py", line 3, in f\n    raise ValueError(x)\nValueError: the password for etl is ${note(password(random, 16, ""))}`,
    () => {
      const pem = privateKey(random, "RSA PRIVATE KEY", 3);
      for (const line of pem.split("\n").filter((one) => !one.startsWith("-"))) note(line);
      return `key: ${pem}`;
    },
  ];
  const text = () => {
    const made = texts[written % texts.length]?.() ?? "";
    written += 1;
    return made;
  };
  return { planted, text, secretValue, kinds: texts.length, random };
}

const nested = (plant: Planter) => ({
  note: plant.text(),
  deep: [{ list: [plant.text(), { more: plant.text() }] }],
  password: plant.secretValue(),
  env: { DB_PASSWORD: plant.secretValue(), SERVICE_TOKEN: plant.secretValue() },
  items: [{ name: "API_KEY", value: plant.secretValue() }],
  command: ["tool", "--password", plant.secretValue()],
  args: ["curl", "-sSu", `etl:${plant.secretValue()}`, "https://example.com"],
  [`name ${plant.text()}`]: 1,
});

/** Objects of all kinds, some minutes old. */
function fill(fake: FakePrefect, plant: Planter): { flowRun: string; deployment: string } {
  const nowUs = Date.now() * 1_000 - 300_000_000;
  const time = (seconds: number) => formatIsoUs(nowUs + seconds * 1_000_000);
  const { workspace } = fake;
  const flow = aFlow({ name: `load ${plant.text()}`, tags: [plant.text()], labels: { note: plant.text() } });
  const pool = aWorkPool({ description: plant.text(), base_job_template: nested(plant) });
  const deployment = aDeployment({
    name: `nightly ${plant.text()}`,
    description: plant.text(),
    flow_id: flow.id,
    tags: [plant.text()],
    parameters: nested(plant),
    job_variables: nested(plant),
    work_pool_name: pool.name,
    parameter_openapi_schema: {
      type: "object",
      properties: { password: { type: "string", default: plant.secretValue() }, note: { default: plant.text() } },
    },
    pull_steps: [{ "prefect.deployments.steps.run_shell_script": { script: plant.text(), env: nested(plant) } }],
  });
  const state = aState({ type: "FAILED", message: plant.text(), timestamp: time(20) });
  const run = aFlowRun({
    name: `run ${plant.text()}`,
    flow_id: flow.id,
    deployment_id: deployment.id,
    parameters: nested(plant),
    job_variables: nested(plant),
    tags: [plant.text()],
    labels: { note: plant.text() },
    state_type: "FAILED",
    state,
    expected_start_time: time(0),
    start_time: time(1),
    end_time: time(20),
  });
  const taskRun = aTaskRun({
    name: `task ${plant.text()}`,
    flow_run_id: run.id,
    tags: [plant.text()],
    state_type: "FAILED",
    state: aState({ type: "FAILED", message: plant.text(), timestamp: time(15) }),
    start_time: time(2),
    end_time: time(15),
  });
  workspace.flows.push(flow);
  workspace.workPools.push(pool);
  workspace.deployments.push(deployment);
  workspace.flowRuns.push(run);
  workspace.taskRuns.push(taskRun);
  workspace.flowRunStates.set(run.id, [state]);
  workspace.concurrencyLimits.push(aConcurrencyLimit({ name: `limit ${plant.text()}` }));
  workspace.automations.push(
    anAutomation({
      name: `notify ${plant.text()}`,
      description: plant.text(),
      actions: [
        { type: "run-deployment", parameters: nested(plant) },
        { type: "call-webhook", payload: plant.text() },
      ],
    }),
  );
  workspace.artifacts.push(
    anArtifact({
      data: plant.text(),
      description: plant.text(),
      flow_run_id: run.id,
      created: time(10),
      updated: time(10),
    }),
    anArtifact({ key: "table", type: "table", data: JSON.stringify([nested(plant)]), flow_run_id: run.id }),
  );
  workspace.variables.push(aVariable({ name: `v ${plant.text()}`, value: plant.secretValue(), tags: [plant.text()] }));
  const messages = [
    ...Array.from({ length: plant.kinds }, () => plant.text()),
    ...Array.from({ length: 3 }, () => {
      const pem = privateKey(plant.random, "PRIVATE KEY", 4).split("\n");
      plant.planted.push(...pem.filter((line) => !line.startsWith("-")));
      return ["key follows", ...pem, "Done"];
    }).flat(),
    "password:",
    plant.secretValue(),
  ];
  workspace.logs.push(
    ...messages.map((message, n) =>
      aLog({ flow_run_id: run.id, level: 40, message, timestamp: formatIsoUs(nowUs + 2_000_000 + n * 1_000) }),
    ),
  );
  const custom = Array.from({ length: plant.kinds }, (_, n) =>
    anEvent({
      event: n % 5 === 0 ? `shop ${plant.text()}` : "shop.order.placed",
      occurred: time(3 + n / 100),
      received: time(3 + n / 100),
      resource: {
        "prefect.resource.id": `shop.order.${n} ${plant.text()}`,
        "prefect.resource.name": `order ${plant.text()}`,
        [`label ${plant.text()}`]: plant.text(),
      },
      related: [
        { "prefect.resource.id": `shop.x ${plant.text()}`, "prefect.resource.role": "tag", note: plant.text() },
      ],
      payload: { text: plant.text(), ...(n % 7 === 0 ? nested(plant) : {}) },
    }),
  );
  const block = anEvent({
    event: "prefect.block-document.created",
    occurred: time(5),
    received: time(5),
    payload: { name: `block ${plant.text()}`, data: { access: { token: plant.secretValue() }, note: plant.text() } },
  });
  const states = [
    aFlowRunEvent(run, { occurred: time(20), received: time(20) }),
    aTaskRunEvent(taskRun, { occurred: time(15), received: time(15) }),
  ];
  fake.emit([...custom, block, ...states], { socket: false });
  return { flowRun: run.id, deployment: deployment.id };
}

/** Tools that always ask Prefect, or never. */
const WITHOUT_FRESH: ReadonlySet<string> = new Set(["orientation", "what_changed", "diagnose", "get_record_status"]);

/** Also those beside the record, such as its write-ahead log, and temporary ones. */
function filesIn(folder: string) {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
}

/** Every text in the record, also in what is compressed. */
function textsOf(file: string): string[] {
  const db = new Database(file, { readonly: true });
  const names = db.query<{ name: string }, []>(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE '%VIRTUAL%'",
  );
  const texts = names.all().flatMap(({ name }) =>
    db
      .query<Record<string, unknown>, []>(`SELECT * FROM "${name}"`)
      .all()
      .flatMap((row) => Object.values(row))
      .flatMap((value) => {
        if (typeof value === "string") return [value];
        if (!(value instanceof Uint8Array)) return [];
        const isZstd = value[0] === 0x28 && value[1] === 0xb5;
        return [new TextDecoder("latin1").decode(isZstd ? Bun.zstdDecompressSync(value) : value)];
      }),
  );
  db.close();
  return texts;
}

test("are in no file, no answer and no line of the log", async () => {
  const plant = createPlanter(20261130);
  const home = mkdtempSync(join(tmpdir(), "planted-secrets-"));
  const dataDir = join(home, "data");
  await using fake = await startFakePrefect();
  const { flowRun, deployment } = fill(fake, plant);
  const { planted } = plant;
  const env = {
    HOME: home,
    TMPDIR: home,
    PREFECT_API_URL: fake.url,
    PREFECT_MCP_DATA_DIR: dataDir,
    PREFECT_MCP_LOG_LEVEL: "debug",
    PREFECT_MCP_TOOLS: "all",
    PREFECT_MCP_LIVE_DEADLINE_SECONDS: "120",
  };
  const outputs = new Map<string, string>();
  const since = { occurred_after: "60m" };
  const questions: readonly (readonly [tool: string, args: object])[] = [
    ["orientation", {}],
    ["get_dashboard", {}],
    ["get_deployments", { detail: "full" }],
    ["get_flows", { detail: "full" }],
    ["get_flow_runs", { detail: "full" }],
    ["get_flow_run_logs", { flow_run: flowRun, limit: 500 }],
    ["get_task_runs", { detail: "full" }],
    ["get_work_pools", { detail: "full" }],
    ["read_events", { ...since, detail: "full", limit: 500 }],
    ["get_automations", { detail: "full" }],
    ["get_artifacts", { detail: "full" }],
    ["get_lineage", {}],
    ["search", { query: "order" }],
    ["search", { query: "redacted" }],
    ["get_timeline", { flow_run: flowRun }],
    ["aggregate_events", { ...since, group_by: "resource" }],
    ["what_changed", {}],
    ["get_incidents", {}],
    ["diagnose", { flow_run: flowRun }],
    ["diagnose", { deployment }],
    ["get_record_status", {}],
  ];
  try {
    const ask = async (name: string, mayFail = false, isFresh = false) => {
      await using product = await startProduct({ env: { ...env, PREFECT_MCP_SYNC: "false" } });
      for (const [tool, args] of questions) {
        const fresh = isFresh && !WITHOUT_FRESH.has(tool) ? { fresh: true } : {};
        const { structured, text, isError } = await product.call(tool, { ...args, ...fresh });
        if (isError && !mayFail) throw new Error(`${tool}: ${text}`);
        outputs.set(`${name} ${tool} ${JSON.stringify(args)}`, `${JSON.stringify(structured)}\n${text}`);
      }
      await product.end();
      outputs.set(`${name}, log`, product.stderr());
    };
    await ask("without a record");
    const synced = await runProduct(["sync", "--once"], env);
    outputs.set("sync", `${synced.stdout}\n${synced.stderr}`);
    expect(synced.code).toBe(0);
    await ask("from the record");
    await ask("from Prefect", false, true);

    await using live = await startProduct({ env });
    await live.call("get_record_status", {});
    await waitUntil("the websocket is open", () => fake.subscribers > 0);
    const pushed = anEvent({
      event: "shop.pushed",
      resource: { "prefect.resource.id": "shop.pushed", note: plant.text() },
      payload: nested(plant),
      occurred: formatIsoUs(Date.now() * 1_000),
    });
    fake.emit(pushed, { rest: false });
    await waitUntil("the event of the websocket is answered", async () => {
      const { text } = await live.call("read_events", { event_type_prefix: "shop.pushed", ...since, detail: "full" });
      outputs.set("from the websocket", text);
      return text.includes(pushed.id);
    });
    for (const { parentPath, name } of filesIn(home))
      outputs.set(`file ${name} while it runs`, readFileSync(join(parentPath, name), "latin1"));
    await live.end();
    outputs.set("from the websocket, log", live.stderr());

    fake.answer(
      "POST /events/filter",
      { detail: `bad value ${plant.text()} and PASSWORD=${plant.secretValue()}` },
      422,
    );
    fake.answer("POST /flow_runs/filter", { detail: `failed: ${plant.text()} token=${plant.secretValue()}` }, 500);
    const failed = await runProduct(["sync", "--once"], env);
    outputs.set("sync with errors", `${failed.stdout}\n${failed.stderr}`);
    await ask("errors of Prefect", true, true);
    for (const command of [["status"], ["doctor"], ["audit"], ["call", "get_flow_runs", '{"fresh":true}']]) {
      const { stdout, stderr } = await runProduct(command, env);
      outputs.set(command.join(" "), `${stdout}\n${stderr}`);
    }

    for (const { parentPath, name } of filesIn(home)) {
      const path = join(parentPath, name);
      outputs.set(`file ${name}`, readFileSync(path, "latin1"));
      if (name.endsWith(".db") || name.endsWith(".sqlite")) outputs.set(`record ${name}`, textsOf(path).join("\n"));
    }
    const all = [...outputs];
    expect(all.filter(([, text]) => text.includes("[redacted:")).length).toBeGreaterThan(20);
    expect([...outputs.keys()].some((name) => name.startsWith("record "))).toBe(true);
    expect([...outputs.keys()].some((name) => /-wal while it runs$/.test(name))).toBe(true);
    const found = planted.flatMap((secret) => {
      const forms = [secret, JSON.stringify(secret).slice(1, -1)];
      return all.filter(([, text]) => forms.some((form) => text.includes(form))).map(([name]) => `${name}: ${secret}`);
    });
    expect(found).toEqual([]);
    expect(planted.length).toBeGreaterThan(500);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
