import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { skillEntry } from "@modelcontextprotocol/server/ext/skills";
import { matchTemplate } from "../../src/resources/define.ts";
import { RESOURCE_TEMPLATES, RESOURCES } from "../../src/resources/index.ts";
import { skillEntries, skillResources } from "../../src/resources/skills.ts";
import { parseArguments } from "../../src/tools/definition/arguments.ts";
import { allTools } from "../../src/tools/index.ts";

describe("resources", () => {
  test("are calls with arguments that a tool accepts unchanged", () => {
    const questions = [
      ...RESOURCES.flatMap(({ content }) => ("text" in content ? [] : [content])),
      ...RESOURCE_TEMPLATES.map(({ uriTemplate, toolCall }) =>
        toolCall(matchTemplate(uriTemplate, uriTemplate.replace(/\{\w+\}/g, "some%20name")) ?? {}),
      ),
    ];
    for (const { tool: name, args } of questions) {
      const tool = allTools.find((one) => one.name === name);
      expect([name, tool !== undefined]).toEqual([name, true]);
      if (tool) expect(parseArguments(tool, args)).toEqual(args);
      expect(Object.values(args).filter((value) => value === undefined)).toEqual([]);
    }
  });

  test("have templates that match only their own URIs and decode the values", () => {
    const fits = (uri: string) =>
      RESOURCE_TEMPLATES.filter((one) => matchTemplate(one.uriTemplate, uri)).map((one) => one.name);
    expect(fits("prefect://flow-runs/wandering-guan")).toEqual(["flow-run"]);
    expect(fits("prefect://flow-runs/wandering-guan/logs")).toEqual(["flow-run-logs"]);
    expect(fits("prefect://flow-runs/wandering-guan/artifacts")).toEqual([]);
    expect(fits("prefect://flow-runs/%E0%A4%A")).toEqual([]);
    expect(matchTemplate("prefect://deployments/{deployment}", "prefect://deployments/load%2Fnightly")).toEqual({
      deployment: "load/nightly",
    });
  });

  test("contain the skills of the repository unchanged, described as the SDK describes them", async () => {
    const folder = `${import.meta.dir}/../../packaging/plugin/skills`;
    const names = readdirSync(folder).toSorted();
    const files = names.map((name) => readFileSync(`${folder}/${name}/SKILL.md`, "utf8"));
    expect(skillResources.map(({ content }) => ("text" in content ? content.text : ""))).toEqual(files);
    const entries = await Promise.all(names.map((name, index) => skillEntry(name, { "SKILL.md": files[index] ?? "" })));
    expect(skillEntries()).toEqual(entries as never);
  });

  test("contain skills that name only tools there are", () => {
    const tools = new Set(allTools.map(({ name }) => name));
    const words = skillResources.flatMap(({ content }) =>
      "text" in content
        ? [...content.text.matchAll(/`((?:get|read|aggregate)_[a-z_]+)`/g)].map(([, name = ""]) => name)
        : [],
    );
    expect(words.length).toBeGreaterThan(10);
    expect(words.filter((name) => !tools.has(name))).toEqual([]);
  });
});
