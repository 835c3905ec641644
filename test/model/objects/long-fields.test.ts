import { expect, test } from "bun:test";
import { cutLongFields } from "../../../src/model/objects/long-fields.ts";
import { anArtifact, aVariable } from "../../support/builders.ts";

const cut = (data: unknown) => {
  const { data: beginning, ...rest } = cutLongFields("artifact", { ...anArtifact(), data }) as {
    data: unknown;
    data_chars?: number;
  };
  return [beginning, rest.data_chars];
};

test("of a long text or value, the beginning and the length are kept", () => {
  const text = "ab".repeat(1_500);
  expect(cut(text)).toEqual([text.slice(0, 2_000), 3_000]);
  const rows = Array.from({ length: 500 }, (_, n) => ({ n }));
  expect(cut(rows)).toEqual([JSON.stringify(rows).slice(0, 2_000), JSON.stringify(rows).length]);
  expect(cut(`${"x".repeat(1_999)}🔥🔥`)).toEqual(["x".repeat(1_999), 2_003]);
});

test("cutting twice changes nothing more", () => {
  const once = cutLongFields("artifact", anArtifact({ data: "x".repeat(5_000) }));
  expect(cutLongFields("artifact", once)).toBe(once);
});

test("short fields, and kinds without long ones, stay as they are", () => {
  for (const data of [null, 50, "x".repeat(2_000), [{ a: 1 }]]) {
    const artifact = { ...anArtifact(), data };
    expect(cutLongFields("artifact", artifact)).toBe(artifact);
  }
  const variable = aVariable({ name: "x".repeat(3_000) });
  expect(cutLongFields("variable", variable)).toBe(variable);
});
