import { anyId, anyText, group, startsWith } from "./term.ts";

/** Prefect's WorkPoolFilter over `object p` of kind work_pool. */
export const workPoolFilter = group(
  {
    id: group({ any_: anyId({ text: "p.id" }) }),
    name: group({ any_: anyText("p.name") }),
    type: group({ any_: anyText("(p.doc ->> '$.type')") }),
  },
  { hasOperator: true },
);

/** Prefect's WorkQueueFilter over `object q` of kind work_queue. */
export const workQueueFilter = group(
  {
    id: group({ any_: anyId({ text: "q.id" }) }),
    name: group({ any_: anyText("q.name"), startswith_: startsWith("q.name") }),
  },
  { hasOperator: true },
);
