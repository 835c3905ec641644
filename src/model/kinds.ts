/**
 * What is fixed about each kind of object that the record holds: what it is called in sentences, in Prefect's API, in events and
 * in the UI, and how its list is read. All other code derives from this table, or has one map over `Kind` that the compiler
 * checks.
 */
import type { JsonObject, SnapshotKind } from "./objects.ts";

export type RunKind = "flow_run" | "task_run";
/** Stored as text in the record: never rename. */
export type Kind = RunKind | SnapshotKind;

export interface KindFacts {
  /** A run has a table of its own and is updated by events; a snapshot is a list that is read whole. */
  readonly storedAs: "run" | "snapshot";
  readonly label: string;
  readonly plural: string;
  /** The field with its name. An object without a text there is called by its id. */
  readonly nameField: string;
  /** Begins the names of its events (`prefect.work-pool.paused`) and its resource ids (`prefect.work-pool.<id>`). */
  readonly resource: string;
  /** Whether a resource id ends with the object's id. Those of workers end with their names. */
  readonly isResourceOfId: boolean;
  /** POST route that lists it, below the API URL; null: there is none for the whole workspace. */
  readonly route: string | null;
  /** The order in which its list is read, as the route names it; null: the route takes none. */
  readonly sort: "NAME_ASC" | "UPDATED_DESC" | null;
  /**
   * How much of its list the record holds. `all`: it is short and read whole. `newest`: it grows without end, and its first
   * page in the order of `updated` is held.
   */
  readonly holds: "all" | "newest";
  /** Objects whose field has one of these values, or no value, are not held. Null: none are left out. */
  readonly leftOut: { readonly field: string; readonly values: readonly string[] } | null;
  /**
   * How often its list is read again. `often`: every few seconds while a client is active, otherwise every few minutes.
   * `seldom`: every hour. Events about it make both due.
   */
  readonly readAgain: "often" | "seldom";
  /** Key of its filter in the bodies of list routes; null: nothing is filtered by it. */
  readonly filterKey: string | null;
  /** The kind of object that it belongs to, and the field with its id. */
  readonly parent: { readonly kind: SnapshotKind; readonly field: string } | null;
  /** Resources whose events make its list stale, beside its own. */
  readonly staleAfter: readonly string[];
  /** Fields of any length: their beginning is recorded and shown, and their changes are not part of the history. */
  readonly longFields: readonly string[];
  /** Whether changes of `status` are events, so that they need not be recorded when two readings of a list are compared. */
  readonly isStatusAnEvent: boolean;
  /** Texts, or lists of texts, by whose words it is found, beside those of its name. */
  readonly searchedFields: readonly string[];
  /** Whether `search` reads its list from Prefect while the record has none. */
  readonly isSearchedLive: boolean;
  /** Where `what_changed` finds its changes: in its events, in the differences between two readings of its list. */
  readonly changesFrom: readonly ("events" | "readings")[];
  /** The tool that lists it, and so offers names to choose from; null: callers cannot name it. */
  readonly listedBy: string | null;
  /** Path of its page in the UI, without the key; null: there is none. */
  readonly uiPath: string | null;
  /** The last part of the path of the page. */
  readonly uiKey: "id" | "name";
}

const RUN = {
  storedAs: "run",
  nameField: "name",
  isResourceOfId: true,
  sort: null,
  holds: "all",
  leftOut: null,
  readAgain: "often",
  parent: null,
  staleAfter: [],
  longFields: [],
  isStatusAnEvent: false,
  searchedFields: [],
  isSearchedLive: false,
  changesFrom: [],
  uiKey: "id",
} as const;

const SNAPSHOT = {
  storedAs: "snapshot",
  nameField: "name",
  isResourceOfId: true,
  sort: null,
  holds: "all",
  leftOut: null,
  readAgain: "often",
  parent: null,
  staleAfter: [],
  longFields: [],
  isStatusAnEvent: false,
  searchedFields: [],
  isSearchedLive: false,
  changesFrom: ["events", "readings"],
  uiKey: "id",
} as const;

/**
 * Routes: https://github.com/PrefectHQ/prefect/tree/main/src/prefect/server/api
 * Pages of the UI: https://github.com/PrefectHQ/prefect/blob/main/src/prefect/utilities/urls.py
 * Events: https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/models/events.py
 */
export const KINDS = {
  flow_run: {
    ...RUN,
    label: "flow run",
    plural: "flow runs",
    resource: "prefect.flow-run",
    route: "/flow_runs/filter",
    filterKey: "flow_runs",
    listedBy: "get_flow_runs",
    uiPath: "runs/flow-run",
  },
  task_run: {
    ...RUN,
    label: "task run",
    plural: "task runs",
    resource: "prefect.task-run",
    route: "/task_runs/filter",
    filterKey: "task_runs",
    listedBy: "get_task_runs",
    uiPath: "runs/task-run",
  },
  flow: {
    ...SNAPSHOT,
    label: "flow",
    plural: "flows",
    resource: "prefect.flow",
    route: "/flows/filter",
    sort: "NAME_ASC",
    filterKey: "flows",
    listedBy: "get_flows",
    uiPath: "flows/flow",
  },
  deployment: {
    ...SNAPSHOT,
    label: "deployment",
    plural: "deployments",
    resource: "prefect.deployment",
    route: "/deployments/filter",
    sort: "NAME_ASC",
    filterKey: "deployments",
    parent: { kind: "flow", field: "flow_id" },
    isStatusAnEvent: true,
    listedBy: "get_deployments",
    uiPath: "deployments/deployment",
  },
  work_pool: {
    ...SNAPSHOT,
    label: "work pool",
    plural: "work pools",
    resource: "prefect.work-pool",
    route: "/work_pools/filter",
    filterKey: "work_pools",
    isStatusAnEvent: true,
    listedBy: "get_work_pools",
    uiPath: "work-pools/work-pool",
    uiKey: "name",
  },
  work_queue: {
    ...SNAPSHOT,
    label: "work queue",
    plural: "work queues",
    resource: "prefect.work-queue",
    route: "/work_queues/filter",
    filterKey: "work_pool_queues",
    parent: { kind: "work_pool", field: "work_pool_id" },
    staleAfter: ["prefect.work-pool"],
    isStatusAnEvent: true,
    listedBy: "get_work_pools",
    uiPath: "work-queues/work-queue",
  },
  worker: {
    ...SNAPSHOT,
    label: "worker",
    plural: "workers",
    resource: "prefect.worker",
    isResourceOfId: false,
    route: null,
    filterKey: null,
    parent: { kind: "work_pool", field: "work_pool_id" },
    changesFrom: [],
    listedBy: null,
    uiPath: null,
  },
  concurrency_limit: {
    ...SNAPSHOT,
    label: "concurrency limit",
    plural: "concurrency limits",
    resource: "prefect.concurrency-limit",
    route: "/v2/concurrency_limits/filter",
    filterKey: null,
    listedBy: null,
    uiPath: "concurrency-limits/concurrency-limit",
  },
  automation: {
    ...SNAPSHOT,
    label: "automation",
    plural: "automations",
    resource: "prefect.automation",
    route: "/automations/filter",
    sort: "NAME_ASC",
    filterKey: "automations",
    listedBy: "get_automations",
    uiPath: "automations/automation",
  },
  artifact: {
    ...SNAPSHOT,
    label: "artifact",
    plural: "artifacts",
    nameField: "key",
    resource: "prefect.artifact",
    route: "/artifacts/filter",
    sort: "UPDATED_DESC",
    holds: "newest",
    leftOut: { field: "type", values: ["result"] },
    readAgain: "seldom",
    filterKey: "artifacts",
    staleAfter: ["prefect.artifact-collection"],
    longFields: ["data"],
    searchedFields: ["description"],
    isSearchedLive: true,
    changesFrom: ["readings"],
    listedBy: "get_artifacts",
    uiPath: "artifacts/artifact",
  },
  variable: {
    ...SNAPSHOT,
    label: "variable",
    plural: "variables",
    resource: "prefect.variable",
    route: "/variables/filter",
    sort: "NAME_ASC",
    readAgain: "seldom",
    filterKey: null,
    searchedFields: ["tags"],
    isSearchedLive: true,
    listedBy: null,
    uiPath: null,
  },
} as const satisfies Readonly<Record<Kind, KindFacts>>;

type Facts = typeof KINDS;
type KindsWith<Field extends keyof KindFacts> = { [K in Kind]: Facts[K][Field] extends null ? never : K }[Kind];

/** What a caller may name. */
export type NamedKind = KindsWith<"listedBy">;
/** What has a page in the UI. */
export type LinkedKind = KindsWith<"uiPath">;
/** What one route lists for the whole workspace. */
export type RoutedKind = KindsWith<"route">;
export type ListedKind = RoutedKind & SnapshotKind;
/** What lists can be filtered by, and the key of its filter in their bodies. */
export type FilterKind = KindsWith<"filterKey">;
export type FilterKey = NonNullable<Facts[Kind]["filterKey"]>;

export const ALL_KINDS = Object.keys(KINDS) as readonly Kind[];

function kindsWhere<K extends Kind>(test: (facts: KindFacts) => boolean): readonly K[] {
  return ALL_KINDS.filter((kind) => test(KINDS[kind])) as readonly Kind[] as readonly K[];
}

export const RUN_KINDS = kindsWhere<RunKind>(({ storedAs }) => storedAs === "run");
export const SNAPSHOT_KINDS = kindsWhere<SnapshotKind>(({ storedAs }) => storedAs === "snapshot");
export const ROUTED_KINDS = kindsWhere<RoutedKind>(({ route }) => route !== null);
export const LIVE_SEARCH_KINDS = kindsWhere<ListedKind>(
  ({ isSearchedLive, route }) => isSearchedLive && route !== null,
);
export const NAMED_KINDS = kindsWhere<NamedKind>(({ listedBy }) => listedBy !== null);

export function isKind(text: string): text is Kind {
  return Object.hasOwn(KINDS, text);
}

/** The facts of a kind that is known only at run time. */
export function factsOf(kind: Kind): KindFacts {
  return KINDS[kind];
}

/** The name of an object, or its id where it has none. */
export function nameOf(kind: Kind, doc: { readonly id: string }): string {
  const name = fieldOf(doc, KINDS[kind].nameField);
  return typeof name === "string" && name !== "" ? name : doc.id;
}

/** Texts of an object that a search looks at, beside its name. */
export function searchedTexts(kind: SnapshotKind, doc: object): string[] {
  const values = factsOf(kind).searchedFields.flatMap((field) => fieldOf(doc, field));
  return values.filter((value) => typeof value === "string");
}

/** The filters of what the record may hold of a kind, as in the body of a list route. */
export function heldFilters(kind: ListedKind): JsonObject {
  const { filterKey, leftOut } = factsOf(kind);
  if (leftOut === null || filterKey === null) return {};
  return { [filterKey]: { [leftOut.field]: { not_any_: leftOut.values } } };
}

/** The body that lists a kind for the record, without paging. */
export function listBody(kind: ListedKind): JsonObject {
  const { sort } = factsOf(kind);
  return { ...(sort === null ? {} : { sort }), ...heldFilters(kind) };
}

/** Whether the record may hold this object. */
export function isHeld(kind: SnapshotKind, doc: object): boolean {
  const { leftOut } = factsOf(kind);
  if (leftOut === null) return true;
  const value = fieldOf(doc, leftOut.field);
  return typeof value === "string" && !leftOut.values.includes(value);
}

function fieldOf(doc: object, field: string): unknown {
  return (doc as Readonly<Record<string, unknown>>)[field];
}

/** What Prefect's schema calls the filter of a key: `WorkPoolFilter`. */
export function filterName(key: FilterKey): string {
  const label = Object.values(KINDS).find(({ filterKey }) => filterKey === key)?.label ?? "";
  return `${label.replace(/(?:^| )([a-z])/g, (_, letter: string) => letter.toUpperCase())}Filter`;
}

/** `prefect.work-pool.<id>` */
export function resourceId(kind: Kind, id: string): string {
  return `${KINDS[kind].resource}.${id}`;
}

/** Begins the names of all events of a kind: `prefect.work-pool.` */
export function eventPrefix(kind: Kind): string {
  return `${KINDS[kind].resource}.`;
}

const BY_RESOURCE: ReadonlyMap<string, Kind> = new Map(ALL_KINDS.map((kind) => [KINDS[kind].resource, kind]));

/** The kind of `prefect.work-pool`; undefined for resources that are no synced kind. */
export function kindOfResource(resource: string): Kind | undefined {
  return BY_RESOURCE.get(resource);
}
