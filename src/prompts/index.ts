import type { PromptDefinition } from "./define.ts";
import { lateRunsPrompt } from "./late-runs.ts";
import { morningCheckPrompt } from "./morning-check.ts";
import { triagePrompt } from "./triage.ts";

export const PROMPTS: readonly PromptDefinition[] = [triagePrompt, lateRunsPrompt, morningCheckPrompt];
