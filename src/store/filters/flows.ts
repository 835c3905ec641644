import { clause } from "./clause.ts";
import { allTags, anyId, anyText, booleanTerm, group, like, noTags, notAnyId } from "./term.ts";

const TAGS = "f.doc, '$.tags'";
const DEPLOYED = "f.id IN (SELECT d.parent_id FROM object d WHERE d.kind = 'deployment' AND d.deleted_us IS NULL)";

/** Prefect's FlowFilter over `object f` of kind flow. */
export const flowFilter = group(
  {
    id: group({ any_: anyId({ text: "f.id" }), not_any_: notAnyId({ text: "f.id" }) }),
    deployment: group(
      { is_null_: booleanTerm((wanted) => clause(wanted ? DEPLOYED.replace(" IN ", " NOT IN ") : DEPLOYED)) },
      { hasOperator: true },
    ),
    name: group({ any_: anyText("f.name"), like_: like("f.name") }),
    tags: group({ all_: allTags(TAGS), is_null_: noTags(TAGS) }, { hasOperator: true }),
  },
  { hasOperator: true },
);
