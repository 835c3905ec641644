import skill from "../../skills/prefect-operations/SKILL.md" with { type: "text" };
import type { ResourceDefinition } from "./define.ts";

/** The Agent Skill of this repository, for clients that load skills from servers. */
export const skillResource: ResourceDefinition = {
  uri: "prefect://skills/prefect-operations/SKILL.md",
  name: "prefect-operations",
  title: "Skill: changing things with the prefect CLI",
  description:
    "How to run, cancel, pause, resume and configure with the prefect CLI, without prompts and with attribution.",
  mimeType: "text/markdown",
  content: { text: skill },
};
