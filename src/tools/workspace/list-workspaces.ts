import { z } from "zod";
import { asName, asPlace, asReason, counted, own, type Sentence, sentence } from "../../lib/shown-text.ts";
import { formatIsoUs } from "../../lib/time.ts";
import type { ListedWorkspace, WorkspaceListing } from "../../model/workspaces.ts";
import type { QueryContext } from "../../queries/source/context.ts";
import { serverNowUs } from "../../queries/source/server-time.ts";
import { getRecordedRange } from "../../queries/workspace/record-status.ts";
import { answerText } from "../answer/fenced.ts";
import { defineTool } from "../definition/define-tool.ts";
import { metaOutput } from "../definition/shared-schemas.ts";

/** Workspaces of one answer: about as many as the budget fits. */
const MAX_SHOWN = 30;

const FOLLOWED = {
  self: sentence`followed by this process`,
  other: sentence`followed by another process`,
  none: sentence`not followed`,
} as const;

export const listWorkspacesTool = defineTool({
  name: "list_workspaces",
  title: "Workspaces",
  description:
    "The workspaces that other tools take as `workspace`: profiles, and on Prefect Cloud those that the key sees; which is active, how far each is recorded, who follows it.",
  isAboutRecord: true,
  input: z.strictObject({}),
  output: z.looseObject({ workspaces: z.array(z.looseObject({})).optional(), ...metaOutput }),
  async run({ query: ctx, workspaces, signal }) {
    const { workspaces: all, notes } = workspaces ? await workspaces.list(signal) : onlyOne(ctx);
    const shown = all.slice(0, MAX_SHOWN);
    const left = all.length - shown.length;
    const isComplete = notes.length === 0 && left === 0;
    const nowUs = serverNowUs(ctx);
    const rest =
      left > 0 ? [sentence`Not listed: ${counted(left, "further workspace")}; name them as account/workspace.`] : [];
    return {
      structured: {
        workspaces: shown,
        ...(left > 0 ? { more: left } : {}),
        source: all.some(({ handle }) => handle !== undefined) ? "mixed" : "record",
        as_of: formatIsoUs(nowUs),
        coverage: { complete: isComplete, gaps: [], ...(isComplete ? {} : { notes: [...notes, ...rest] }) },
      },
      text: answerText([
        sentence`${counted(all.length, "workspace")} as of ${formatIsoUs(nowUs)}`,
        ...notes,
        ...shown.map(lineOf),
        ...rest,
      ]),
    };
  },
});

function onlyOne(ctx: QueryContext): WorkspaceListing {
  const { instance, clock } = ctx;
  const one: ListedWorkspace = {
    name: instance,
    kind: "settings",
    api_url: instance,
    is_active: true,
    ...getRecordedRange(ctx.record(), clock),
  };
  return { workspaces: [one], notes: [] };
}

function lineOf({ name, kind, api_url, handle, is_active, recorded, following }: ListedWorkspace): Sentence {
  const named = handle === undefined || handle === name ? own("") : sentence` ${asName(handle)}`;
  return sentence`${asName(name)}${is_active ? " (active)" : ""}: ${asName(kind)}${named} ${asPlace(api_url)}, ${recordedText(recorded)}, ${FOLLOWED[following]}`;
}

function recordedText(recorded: ListedWorkspace["recorded"]): Sentence {
  if (recorded === null) return own("not recorded");
  const { events, from, to, gaps } = recorded;
  const range = from === null || to === null ? own("") : sentence` ${asReason(from)} to ${asReason(to)}`;
  return sentence`recorded${range}: ${counted(events, "event")}${gaps > 0 ? sentence`, ${counted(gaps, "gap")}` : ""}`;
}
