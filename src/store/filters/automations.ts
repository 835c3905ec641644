import { allTags, anyId, anyTag, anyText, beforeText, group, noTags } from "./term.ts";

const TAGS = "a.doc, '$.tags'";

/**
 * Prefect's AutomationFilter over `object a` of kind automation.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/events/filters.py
 */
export const automationFilter = group(
  {
    id: group({ any_: anyId({ text: "a.id" }) }),
    name: group({ any_: anyText("a.name") }),
    created: group({ before_: beforeText("(a.doc ->> '$.created')") }),
    tags: group({ all_: allTags(TAGS), any_: anyTag(TAGS), is_null_: noTags(TAGS) }, { hasOperator: true }),
  },
  { hasOperator: true },
);
