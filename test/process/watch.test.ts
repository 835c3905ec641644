import { afterAll, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { systemClock } from "../../src/lib/clock.ts";
import { addUs, formatIsoUs, SECOND_US } from "../../src/lib/time.ts";
import { aDeployment, aFlow, aFlowRun, anEvent, anId, aState } from "../support/builders.ts";
import { startFakePrefect } from "../support/fake-prefect/fake-prefect.ts";
import { readLines } from "../support/process/read-lines.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import { makePlace, run } from "./program.ts";

const place = makePlace();
const prefect = await startFakePrefect();
const DEPLOYMENT = anId(9);
const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PLANTED = "hunter2-planted-password";
prefect.workspace.flows.push(aFlow({ id: anId(1), name: "sales" }));
prefect.workspace.deployments.push(aDeployment({ id: DEPLOYMENT, name: "load", flow_id: anId(1) }));

afterAll(async () => {
  await prefect.stop();
  place[Symbol.dispose]();
});

const env = (more: Readonly<Record<string, string>> = {}) => place.env({ PREFECT_API_URL: prefect.url, ...more });

/** A run that has just ended, with its event. */
function ended(message: string | null): void {
  const nowUs = Math.floor(systemClock.nowUs());
  const [begin, end] = [formatIsoUs(message === null ? nowUs : addUs(nowUs, -SECOND_US)), formatIsoUs(nowUs)];
  const type = message === null ? "COMPLETED" : "FAILED";
  const name = message === null ? "Completed" : "Failed";
  const state = aState({ type, name, timestamp: end, message });
  const runRow = aFlowRun({
    flow_id: anId(1),
    deployment_id: DEPLOYMENT,
    start_time: begin,
    expected_start_time: begin,
    end_time: end,
    state_type: type,
    state,
  });
  prefect.workspace.flowRuns.push(runRow);
  prefect.emit([
    anEvent({
      id: state.id,
      event: `prefect.flow-run.${name}`,
      occurred: end,
      received: end,
      resource: {
        "prefect.resource.id": `prefect.flow-run.${runRow.id}`,
        "prefect.resource.name": runRow.name,
        "prefect.state-type": type,
        "prefect.state-name": name,
        "prefect.state-message": message ?? "",
        "prefect.state-timestamp": end,
        "prefect.run-count": "1",
      },
      related: [
        { "prefect.resource.id": `prefect.deployment.${DEPLOYMENT}`, "prefect.resource.role": "deployment" },
        { "prefect.resource.id": `prefect.flow.${anId(1)}`, "prefect.resource.role": "flow" },
      ],
    }),
  ]);
}

const REFUSED = `Flow run encountered an exception: ConnectTimeout: postgres://etl:${PLANTED}@db.example refused the call`;

test("watch writes a line and sends a signed message when a failure repeats and recovers, and ends on SIGINT", async () => {
  const posts: { headers: Headers; body: string }[] = [];
  const statuses = [503];
  using receiver = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      posts.push({ headers: request.headers, body: await request.text() });
      return new Response(null, { status: statuses.shift() ?? 204 });
    },
  });
  const command = [...(await place.command("source")), "watch", "--webhook", `${receiver.url}hook`];
  const child = Bun.spawn(command, {
    cwd: place.dir,
    env: env({ PREFECT_MCP_WEBHOOK_SECRET: SECRET }),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: string[] = [];
  const reading = readLines(child.stdout, (line) => void lines.push(line));
  const stderr = new Response(child.stderr).text();
  await waitUntil("the watch follows", () => lines.some((line) => line.includes("0 open incidents")));
  ended(REFUSED);
  ended(REFUSED);
  const repeated = await waitUntil("a repeat is shown", () => lines.find((line) => line.includes(" repeated ")));
  expect(repeated).toMatch(/^20\S+Z repeated ConnectTimeout: .* \(2 failures in sales\/load, incident [0-9a-f]{12}\)$/);
  ended(null);
  await waitUntil("the recovery is shown", () => lines.some((line) => line.includes(" recovered ConnectTimeout")));
  await waitUntil("both messages are sent", () => posts.length >= 3);
  child.kill("SIGINT");
  const code = await child.exited;
  await reading;
  expect([0, 130]).toContain(code);
  expect(await stderr).toBe("");
  // The first attempt was answered with 503: the same message came again.
  expect(posts.map(({ headers }) => headers.get("webhook-id"))[1]).toBe(posts[0]?.headers.get("webhook-id"));
  expect(posts.map(({ body }) => JSON.parse(body).type)).toEqual([
    "incident.repeated",
    "incident.repeated",
    "incident.recovered",
  ]);
  const key = Buffer.from(SECRET.slice(6), "base64");
  for (const { headers, body } of posts) {
    const signed = `${headers.get("webhook-id")}.${headers.get("webhook-timestamp")}.${body}`;
    expect(headers.get("webhook-signature")).toBe(`v1,${createHmac("sha256", key).update(signed).digest("base64")}`);
  }
  expect(JSON.parse(posts[0]?.body ?? "{}").data).toMatchObject({
    state: "ongoing",
    count: 2,
    deployments: [{ id: DEPLOYMENT, name: "sales/load" }],
  });
  expect(lines.join("\n") + posts.map(({ body }) => body).join("\n")).not.toContain(PLANTED);
});

test("watch refuses a webhook without a secret, and URLs that are not allowed", async () => {
  const watch = async (url: string, more = {}) =>
    run([...(await place.command("source")), "watch", "--webhook", url], { cwd: place.dir, env: env(more) });
  const unsigned = await watch("http://127.0.0.1:1/hook");
  expect([unsigned.code, unsigned.stderr]).toEqual([
    1,
    expect.stringContaining("PREFECT_MCP_WEBHOOK_SECRET is not set"),
  ]);
  const metadata = await watch("http://169.254.169.254/latest", { PREFECT_MCP_WEBHOOK_SECRET: SECRET });
  expect([metadata.code, metadata.stderr]).toEqual([1, expect.stringContaining("link-local")]);
});
