import { clause } from "./clause.ts";
import { anyId, anyText, booleanTerm, group, like, notAnyText } from "./term.ts";

const KEY = "(o.doc ->> '$.key')";
const TYPE = "(o.doc ->> '$.type')";

/** Prefect's ArtifactFilter over `object o` of kind artifact. One without a type matches no list, not even `not_any_`. */
export const artifactFilter = group(
  {
    id: group({ any_: anyId({ text: "o.id" }) }),
    key: group({
      any_: anyText(KEY),
      like_: like(KEY),
      exists_: booleanTerm((wanted) => clause(`${KEY} IS ${wanted ? "NOT " : ""}NULL`)),
    }),
    flow_run_id: group({ any_: anyId({ text: "(o.doc ->> '$.flow_run_id')" }) }),
    task_run_id: group({ any_: anyId({ text: "(o.doc ->> '$.task_run_id')" }) }),
    type: group({ any_: anyText(TYPE), not_any_: notAnyText(TYPE) }),
  },
  { hasOperator: true },
);
