import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../../src/model/objects.ts";
import { aDeployment, aFlow, aFlowRun, anAutomation, anId, aTaskRun, at } from "../../support/builders.ts";
import { connect } from "../../support/fake-prefect/client.ts";
import { startFakePrefect } from "../../support/fake-prefect/fake-prefect.ts";

const AUTOMATION = { id: anId(9), type: "AUTOMATION", display_value: "rerun" };
const RUNS = [
  aFlowRun({ id: anId(1), name: "a", tags: ["x"], created_by: AUTOMATION, start_time: at(1) }),
  aFlowRun({ id: anId(2), name: "b", tags: ["y"], start_time: at(2) }),
  aFlowRun({
    id: anId(3),
    name: "c",
    tags: ["x", "y"],
    created_by: { ...AUTOMATION, type: "DEPLOYMENT" },
    start_time: at(3),
  }),
  aFlowRun({ id: anId(4), name: "d", tags: [], created_by: AUTOMATION, start_time: at(4) }),
];

async function older(version: string) {
  const fake = await startFakePrefect();
  const { workspace } = fake;
  workspace.version = version;
  workspace.flowRuns.push(...RUNS);
  workspace.taskRuns.push(
    aTaskRun({ id: anId(11), name: "early", end_time: at(1) }),
    aTaskRun({ id: anId(12), name: "late", end_time: at(9) }),
    aTaskRun({ id: anId(13), name: "open", end_time: null }),
  );
  workspace.flows.push(aFlow({ id: anId(21), name: "a" }), aFlow({ id: anId(22), name: "b" }));
  workspace.deployments.push(
    aDeployment({ id: anId(31), name: "a", tags: ["x"] }),
    aDeployment({ id: anId(32), name: "b", tags: ["z"] }),
  );
  workspace.automations.push(
    anAutomation({ id: anId(41), name: "a", tags: ["x"] }),
    anAutomation({ id: anId(42), name: "b", tags: [] }),
  );
  return { fake, client: connect(fake) };
}

const BY_START = { sort: "START_TIME_DESC" };
const byCreator = (types: readonly string[], over: object = {}) => ({ created_by: { type_: types }, ...over });
const QUESTIONS: readonly (readonly [
  string,
  "flow_run" | "task_run" | "flow" | "deployment" | "automation",
  object,
  number[],
])[] = [
  ["who created flow runs", "flow_run", { flow_runs: byCreator(["AUTOMATION"]), ...BY_START }, [4, 1]],
  ["flow runs that nothing created", "flow_run", { flow_runs: { created_by: { is_null_: true } }, ...BY_START }, [2]],
  [
    "who created flow runs, beside other criteria",
    "flow_run",
    { flow_runs: byCreator(["AUTOMATION", "DEPLOYMENT"], { name: { any_: ["c", "d", "b"] } }), ...BY_START },
    [4, 3],
  ],
  ["a later page", "flow_run", { flow_runs: byCreator(["AUTOMATION"]), ...BY_START, limit: 1, offset: 1 }, [1]],
  [
    "one of several criteria",
    "flow_run",
    { flow_runs: { operator: "or_", created_by: { type_: ["DEPLOYMENT"] }, name: { any_: ["b"] } }, ...BY_START },
    [3, 2],
  ],
  ["any of several tags", "flow_run", { flow_runs: { tags: { any_: ["y", "z"] } }, ...BY_START }, [3, 2]],
  [
    "tags with several criteria",
    "flow_run",
    { flow_runs: { tags: { operator: "or_", any_: ["y"], is_null_: true } }, ...BY_START },
    [4, 3, 2],
  ],
  [
    "an unset criterion, which restricts nothing",
    "flow_run",
    { flow_runs: { operator: "or_", created_by: null, name: { any_: ["b"] } }, ...BY_START },
    [2],
  ],
  [
    "an unset part of a criterion",
    "flow_run",
    { flow_runs: { tags: { operator: "or_", any_: null, all_: ["y"] } }, ...BY_START },
    [3, 2],
  ],
  [
    "tags with an empty list, which restricts nothing",
    "flow_run",
    { flow_runs: { tags: { operator: "or_", any_: ["x"], all_: [] } }, ...BY_START },
    [3, 1],
  ],
  ["the end of task runs", "task_run", { task_runs: { end_time: { after_: at(5) } }, sort: "NAME_ASC" }, [12]],
  ["task runs without an end", "task_run", { task_runs: { end_time: { is_null_: true } } }, [13]],
  ["flows with other ids", "flow", { flows: { id: { not_any_: [anId(21)] } } }, [22]],
  ["deployments with other ids", "deployment", { deployments: { id: { not_any_: [anId(31)] } } }, [32]],
  ["deployments with any of several tags", "deployment", { deployments: { tags: { any_: ["x", "y"] } } }, [31]],
  ["automations by id", "automation", { automations: { id: { any_: [anId(42)] } } }, [42]],
  ["automations by tags", "automation", { automations: { tags: { all_: ["x"] } } }, [41]],
];

describe.each(["3.0.11", "3.9.1"])("Prefect %s", (version) => {
  test.each(QUESTIONS)("answers a question about %s", async (_, kind, body, expected) => {
    const { fake, client } = await older(version);
    await using _fake = fake;
    const rows =
      kind === "flow_run"
        ? await client.filterFlowRuns(body as JsonObject)
        : kind === "task_run"
          ? await client.filterTaskRuns(body as JsonObject)
          : await client.filterObjects(kind, body as JsonObject);
    expect(rows.map((row) => row.id)).toEqual(expected.map(anId));
  });
});

test("a criterion that is unknown to the server is refused in the filter of other objects", async () => {
  const { fake, client } = await older("3.4.25");
  await using _fake = fake;
  const asked = client.filterTaskRuns({ flow_runs: byCreator(["AUTOMATION"]) } as JsonObject);
  await expect(asked).rejects.toMatchObject({
    code: "invalid_input",
    message:
      "This Prefect server cannot filter flow runs by who created them, as those from 3.6.13 on can, in a question about something else.",
  });
});
