import { beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "..", "..");
const PYTHON = join(ROOT, ".venv", "bin", "python");
const text = await Bun.file(join(ROOT, "packaging", "plugin", "skills", "prefect-operations", "SKILL.md")).text();
const commands = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap((block) =>
  (block[1] ?? "").split("\n").filter((line) => line.startsWith("prefect ")),
);

/** Words as a shell would see them. */
function words(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
}

/** `prefect work-pool pause "x" --no-prompt` → ["work-pool", "pause"]; `api` has no subcommand. */
function commandPath(line: string): string[] {
  const [, first = "", second = "", third = ""] = words(line);
  if (first === "api") return [first];
  return second === "schedule" ? [first, second, third] : [first, second];
}

let help: Readonly<Record<string, string>> = {};

beforeAll(async () => {
  const home = mkdtempSync(join(tmpdir(), "skill-"));
  const paths = [...new Set(commands.map((line) => commandPath(line).join(" ")))];
  const child = Bun.spawn([PYTHON, join(ROOT, "test", "support", "real-prefect", "cli_help.py")], {
    env: { ...Bun.env, PREFECT_HOME: home },
    stdin: new Blob([JSON.stringify(paths)]),
    stdout: "pipe",
  });
  help = JSON.parse(await new Response(child.stdout).text());
  rmSync(home, { recursive: true, force: true });
});

describe("the operations skill", () => {
  test("has commands, each with --no-prompt", () => {
    expect(commands.length).toBeGreaterThan(35);
    expect(commands.filter((line) => !line.endsWith(" --no-prompt"))).toEqual([]);
  });

  test.each(commands)("%s", (line) => {
    const path = commandPath(line);
    const page = help[path.join(" ")] ?? "";
    expect(page).toContain(`Usage: prefect ${path.join(" ")}`);
    const given = words(line).slice(1 + path.length);
    const flags = given.filter((word) => /^--?[a-z]/.test(word));
    for (const flag of flags) expect(page).toMatch(new RegExp(`(^|[\\s│])${flag}([\\s,]|$)`, "m"));
    const json = given.filter((word) => /^[{[]/.test(word));
    for (const value of json) expect(() => JSON.parse(value)).not.toThrow();
  });
});
