/** The files with which a fleet is deployed: they parse, fit together, and name settings and paths that exist. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments, parseDocument } from "yaml";
import { SETTING_NAMES } from "../../../src/config/schema.ts";

const FOLDER = join(import.meta.dir, "..", "..", "..", "packaging", "fleet");
const read = (name: string) => readFileSync(join(FOLDER, name), "utf8");

test("every setting that a file names exists", () => {
  const known: readonly string[] = SETTING_NAMES;
  for (const file of ["compose.yaml", "kubernetes.yaml"]) {
    const named = new Set(read(file).match(/PREFECT_MCP_[A-Z_]+/g));
    expect(named.size).toBeGreaterThan(4);
    expect([...named].filter((name) => !known.includes(name))).toEqual([]);
  }
});

test("compose: each node has its own name, address and folder, and the balancers know all nodes", () => {
  const document = parseDocument(read("compose.yaml"), { merge: true });
  expect(document.errors).toEqual([]);
  const { services } = document.toJS();
  const nodes = Object.keys(services).filter((name) => name.startsWith("node-"));
  expect(nodes).toHaveLength(3);
  for (const name of nodes) {
    const { environment, image, volumes } = services[name];
    expect(image).toBe("prefect-mcp-bun");
    expect(environment).toMatchObject({
      PREFECT_MCP_FLEET_NODE: name,
      PREFECT_MCP_FLEET_ADDRESS: `http://${name}:4201`,
      PREFECT_MCP_FLEET_URL: expect.stringContaining("postgres://"),
    });
    expect(volumes).toEqual([`records-${name.slice(-1)}:/data`]);
    for (const balancer of ["haproxy.cfg", "nginx.conf"]) expect(read(balancer)).toContain(`${name}:4201`);
    expect(read("envoy.yaml")).toContain(`address: ${name}, port_value: 4201`);
  }
  expect(parseDocument(read("envoy.yaml")).errors).toEqual([]);
});

test("kubernetes: nodes with fixed names and disks, probes, and one disruption at a time", () => {
  const documents = parseAllDocuments(read("kubernetes.yaml"));
  expect(documents.flatMap((one) => one.errors)).toEqual([]);
  const objects = documents.map((one) => one.toJS());
  expect(objects.map(({ kind }) => kind)).toEqual(["Service", "Service", "PodDisruptionBudget", "StatefulSet"]);
  const [headless, , budget, set] = objects;
  expect(headless.spec).toMatchObject({ clusterIP: "None", publishNotReadyAddresses: true });
  expect(set.spec.serviceName).toBe(headless.metadata.name);
  expect(budget.spec.maxUnavailable).toBe(1);
  const [container] = set.spec.template.spec.containers;
  expect([container.readinessProbe.httpGet.path, container.livenessProbe.httpGet.path]).toEqual([
    "/readyz",
    "/healthz",
  ]);
  const address = container.env.find(({ name }: { name: string }) => name === "PREFECT_MCP_FLEET_ADDRESS");
  expect(address.value).toBe(`http://$(POD_NAME).${headless.metadata.name}:4201`);
  const labels = set.spec.template.metadata.labels;
  for (const { spec } of [objects[0], objects[1]]) expect(spec.selector).toEqual(labels);
});
