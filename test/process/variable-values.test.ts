/** The values of variables leave neither the client nor the process, and are not in the record. */
import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { anEvent, aVariable } from "../support/builders.ts";
import { startFakePrefect } from "../support/fake-prefect/fake-prefect.ts";
import { runProduct, startProduct } from "../support/process/product.ts";

const SECRETS = ["tulip-4711", "orchid-4712", "iris-4713"];

test("values of variables are in no file and in no answer, from the record and from Prefect", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "variable-values-"));
  await using fake = await startFakePrefect();
  const variable = aVariable({ name: "flower", value: SECRETS[0] ?? "", tags: ["garden"] });
  fake.workspace.variables.push(variable, aVariable({ name: "list", value: { deep: [SECRETS[1] ?? ""] } }));
  const now = new Date(Date.now() - 60_000).toISOString();
  const updated = anEvent({
    event: "prefect.variable.updated",
    occurred: now,
    received: now,
    resource: { "prefect.resource.id": `prefect.variable.${variable.id}`, "prefect.resource.name": "flower" },
    payload: { name: "flower", value: SECRETS[2] ?? "", tags: ["garden"] },
  });
  fake.emit([updated], { socket: false });
  const env = { HOME: dataDir, PREFECT_API_URL: fake.url, PREFECT_MCP_DATA_DIR: dataDir, PREFECT_MCP_SYNC: "false" };
  const outputs: string[] = [];
  const questions = [
    ["search", { query: "flower" }],
    ["search", { query: "garden", fresh: true, detail: "full" }],
    ["what_changed", {}],
    ["read_events", { event_type_prefix: "prefect.variable", detail: "full" }],
  ] as const;
  try {
    for (const isSynced of [false, true]) {
      if (isSynced) {
        const { code, stdout, stderr } = await runProduct(["sync", "--once"], env);
        expect([code, stderr]).toEqual([0, ""]);
        outputs.push(stdout);
      }
      await using product = await startProduct({ env });
      for (const [tool, args] of questions) {
        const { structured, text, isError } = await product.call(tool, args);
        expect(isError).toBe(false);
        if (tool === "search") {
          expect(structured.results).toContainEqual(expect.objectContaining({ kind: "variable", id: variable.id }));
        }
        outputs.push(JSON.stringify(structured), text);
      }
      await product.end();
      outputs.push(product.stderr());
    }
    expect(fake.takeRequests()).toContain("POST /variables/filter");
    const files = readdirSync(dataDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const bytes = files.map((file) => readFileSync(join(file.parentPath, file.name), "latin1"));
    expect(bytes.some((text) => text.includes("flower"))).toBe(true);
    for (const secret of SECRETS) {
      expect([...outputs, ...bytes].filter((text) => text.includes(secret))).toEqual([]);
    }
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});
