/**
 * Pages of https://www.prefect.io/docs for Prefect 3, with summaries written for this index. They are the answer while the
 * documentation server does not answer. Paths may have changed since.
 */
export interface DocPage {
  /** Relative to `DOCS_BASE`. */
  readonly path: string;
  readonly title: Sentence;
  readonly summary: Sentence;
}

export const DOCS_BASE = "https://www.prefect.io/docs/";

type Row = readonly [path: string, title: string, summary: string];

const CONCEPTS = [
  [
    "flows",
    "Flows",
    "Python functions decorated with @flow: runs, parameters, retries, timeouts, subflows, final state.",
  ],
  ["tasks", "Tasks", "Units of work with @task: retries, caching, concurrency, background tasks, dependencies."],
  ["states", "States", "State types and names of runs, terminal states, how a final state is determined."],
  [
    "deployments",
    "Deployments",
    "Server-side description of a flow: entrypoint, schedule, work pool, parameters, versions.",
  ],
  ["schedules", "Schedules", "Cron, interval and RRule schedules and how the scheduler creates runs ahead of time."],
  [
    "work-pools",
    "Work pools",
    "Bridge between deployments and infrastructure: types, base job template, queues, priority, concurrency.",
  ],
  ["workers", "Workers", "Processes that poll a work pool and start runs: types, status, heartbeats, limits."],
  [
    "automations",
    "Automations",
    "Triggers and actions: react to events or to their absence, notifications, run or pause things.",
  ],
  [
    "event-triggers",
    "Event triggers",
    "Trigger schema: reactive, proactive, compound, sequence and metric triggers, posture, within, threshold.",
  ],
  ["events", "Events", "What an event holds: resource, related, payload, occurred, follows; where events come from."],
  ["webhooks", "Webhooks", "Prefect Cloud endpoints that turn HTTP requests into events."],
  ["slas", "Service level agreements", "Prefect Cloud's alerts on runs that are late or take too long."],
  ["blocks", "Blocks", "Typed, stored configuration and credentials."],
  ["variables", "Variables", "Named JSON values that flows and deployments read."],
  ["artifacts", "Artifacts", "Tables, links, markdown, progress and images that runs publish."],
  ["assets", "Assets", "Objects that workflows produce, with materialisations, dependencies and health."],
  ["caching", "Caching", "Cache policies, keys, expiration, isolation levels and where cached results live."],
  ["runtime-context", "Runtime context", "Reading the current run, deployment and parameters with prefect.runtime."],
  ["task-runners", "Task runners", "Thread, process, Dask and Ray runners for concurrent tasks."],
  [
    "global-concurrency-limits",
    "Global concurrency limits",
    "Named limits for any code, slots with decay for rate limits.",
  ],
  [
    "tag-based-concurrency-limits",
    "Tag-based concurrency limits",
    "Limits on task runs that carry a tag; how waiting tasks behave.",
  ],
  ["server", "Prefect server", "What the self-hosted server is: API, database, background services, UI."],
  [
    "settings-and-profiles",
    "Settings and profiles",
    "Where settings come from, their precedence, profiles.toml, prefect.toml, .env.",
  ],
  [
    "rate-limits",
    "Rate limits in Prefect Cloud",
    "Limits on API requests, runs, logs and events per plan, and how clients back off.",
  ],
  ["telemetry", "Telemetry", "What anonymous usage data is sent and how to turn it off."],
] as const satisfies readonly Row[];

const HOW_TO = [
  ["workflows/write-and-run", "Write and run a workflow", "First flow and tasks, running them locally."],
  [
    "workflows/retries",
    "Automatically rerun a workflow when it fails",
    "Configure retries and delays on flows and tasks.",
  ],
  ["workflows/retry-flow-runs", "Retry a flow run", "Run a finished flow run again from the UI or the CLI."],
  ["workflows/custom-metadata", "Configure run metadata", "Run names, descriptions, tags and versions."],
  ["workflows/pass-inputs", "Pass inputs to a workflow", "Parameters, types and validation."],
  ["workflows/add-logging", "Add logging", "get_run_logger, print statements, extra loggers."],
  [
    "workflows/access-runtime-info",
    "Access runtime information",
    "Run id, name, deployment and parameters from inside a run.",
  ],
  ["workflows/run-work-concurrently", "Run work concurrently", "submit, map, futures and task runners."],
  ["workflows/cache-workflow-steps", "Cache workflow steps", "Cache policies and custom key functions."],
  ["workflows/run-background-tasks", "Run background tasks", "delay(), serve() and task workers."],
  [
    "workflows/state-change-hooks",
    "Respond to state changes",
    "on_failure, on_completion, on_crashed and other hooks.",
  ],
  ["workflows/artifacts", "Create run artifacts", "Publish tables, markdown, links and progress."],
  ["workflows/test-workflows", "Test workflows", "prefect_test_harness and unit tests of flows and tasks."],
  [
    "workflows/global-concurrency-limits",
    "Apply global concurrency and rate limits",
    "concurrency() and rate_limit() in code, managing limits.",
  ],
  [
    "workflows/tag-based-concurrency-limits",
    "Limit concurrent task runs with tags",
    "prefect concurrency-limit create and what waits.",
  ],
  ["deployments/create-deployments", "Create deployments", "flow.deploy, flow.serve and prefect deploy compared."],
  [
    "deployments/run-deployments",
    "Trigger ad-hoc deployment runs",
    "prefect deployment run, run_deployment, parameters, scheduled start.",
  ],
  [
    "deployments/create-schedules",
    "Create deployment schedules",
    "Cron, interval, RRule; pausing and several schedules.",
  ],
  ["deployments/manage-schedules", "Manage deployment schedules", "Pause, resume, list and delete schedules."],
  [
    "deployments/prefect-yaml",
    "Define deployments with YAML",
    "prefect.yaml: build, push and pull steps, templating, overrides.",
  ],
  [
    "deployments/store-flow-code",
    "Retrieve code from storage",
    "Git, cloud buckets, images; credentials for private repositories.",
  ],
  ["deployments/versioning", "Version deployments", "Deployment versions and rolling back."],
  ["deployments/customize-job-variables", "Override job variables", "Change infrastructure per deployment or run."],
  [
    "deployment_infra/manage-work-pools",
    "Manage work pools",
    "Create, pause, limit and delete pools and queues with CLI, UI, Terraform.",
  ],
  ["deployment_infra/run-flows-in-local-processes", "Run flows in local processes", "Process work pools and workers."],
  [
    "deployment_infra/serve-flows-docker",
    "Run flows in Docker containers",
    "serve() in an image and docker work pools.",
  ],
  ["deployment_infra/docker", "Deploy to Docker", "Docker workers, images, registries, networks."],
  ["deployment_infra/kubernetes", "Run flows on Kubernetes", "Helm chart for workers, job template, permissions."],
  [
    "deployment_infra/serverless",
    "Run flows on serverless compute",
    "ECS, Cloud Run, Vertex, ACI: push pools and workers.",
  ],
  [
    "deployment_infra/managed",
    "Run flows on Prefect Managed",
    "Prefect Cloud's own execution, limits and dependencies.",
  ],
  ["deployment_infra/modal", "Run flows on Modal", "Push work pool for Modal."],
  ["deployment_infra/coiled", "Run flows on Coiled", "Push work pool for Coiled."],
  ["automations/creating-automations", "Create automations", "UI, CLI and Python; templates in actions."],
  ["automations/creating-deployment-triggers", "Create deployment triggers", "Triggers in prefect.yaml or .deploy()."],
  [
    "automations/chaining-deployments-with-events",
    "Chain deployments with events",
    "Run one deployment when another one's run ends.",
  ],
  [
    "automations/access-parameters-in-templates",
    "Access parameters in templates",
    "Jinja variables in automation actions.",
  ],
  [
    "automations/passing-event-payloads-to-flows",
    "Pass event payloads to flows",
    "Give a payload as parameters of a run.",
  ],
  ["configuration/manage-settings", "Manage settings", "prefect config set, view, unset; profiles."],
  ["configuration/store-secrets", "Store secrets", "Secret blocks, environment and external stores."],
  ["configuration/variables", "Share configuration with variables", "prefect variable, Variable.get and templating."],
  ["self-hosted/server-cli", "Run the server with the CLI", "prefect server start, ports, background, database."],
  ["self-hosted/server-docker", "Run the server in Docker", "Images, volumes, PostgreSQL."],
  [
    "self-hosted/docker-compose",
    "Run the server with Docker Compose",
    "Server, database, Redis and worker in one file.",
  ],
  ["self-hosted/server-windows", "Run the server on Windows", "As a service."],
  ["cloud/connect-to-cloud", "Connect to Prefect Cloud", "prefect cloud login, API keys, workspaces."],
  ["cloud/workspaces", "Manage workspaces", "Create, share, transfer and delete workspaces."],
  ["cloud/create-a-webhook", "Create a webhook", "Turn HTTP requests into events."],
  ["cloud/troubleshoot-cloud", "Troubleshoot Prefect Cloud", "Proxies, certificates, login and rate limits."],
  ["cloud/manage-users/manage-roles", "Manage roles", "Account and workspace roles."],
  ["cloud/manage-users/manage-teams", "Manage teams", "Groups of users."],
  ["cloud/manage-users/service-accounts", "Manage service accounts", "API keys for machines."],
  ["cloud/manage-users/api-keys", "Manage API keys", "Create, rotate and expire keys."],
  ["cloud/manage-users/configure-sso", "Configure single sign-on", "SSO and directory sync."],
  ["cloud/manage-users/audit-logs", "Read audit logs", "Who did what in an account."],
  [
    "cloud/manage-users/object-access-control-lists",
    "Control access to objects",
    "ACLs on deployments, blocks and pools.",
  ],
  ["cloud/manage-users/secure-access-by-ip-address", "Secure access by IP address", "Allowlists."],
  [
    "cloud/manage-users/secure-access-by-private-link",
    "Secure access by PrivateLink",
    "AWS PrivateLink to Prefect Cloud.",
  ],
  ["ai/use-prefect-mcp-server", "Use the Prefect MCP server", "Give assistants access to a workspace."],
  ["migrate/upgrade-to-prefect-3", "Upgrade to Prefect 3", "What changed from Prefect 2 and how to migrate."],
  [
    "migrate/upgrade-agents-to-workers",
    "Upgrade from agents to workers",
    "Replace agents and infrastructure blocks by work pools.",
  ],
  ["migrate/airflow", "Migrate from Airflow", "DAGs, operators and schedules in Prefect's terms."],
] as const satisfies readonly Row[];

const ADVANCED = [
  ["results", "Persist results", "Storage locations, serializers, expiry."],
  ["caching", "Configure task caching", "Custom cache keys, isolation, locks, distributed storage."],
  ["transactions", "Write transactional workflows", "Isolation levels and stores."],
  ["background-tasks", "Background tasks with web applications", "Deferring work from FastAPI and others."],
  ["interactive", "Interactive workflows in depth", "Typed input, receiving and sending while running."],
  ["form-building", "Form building", "How parameter schemas become forms."],
  ["custom-blocks", "Create custom blocks", "Block classes, secrets, nested blocks, registration."],
  ["developing-a-custom-worker", "Develop a custom worker", "Job configuration, variables, worker class, templates."],
  ["logging-customization", "Customize logging", "logging.yml, formatters, extra handlers."],
  ["detect-zombie-flows", "Detect zombie flows", "Heartbeat events and an automation that fails dead runs."],
  ["use-custom-event-grammar", "Use custom event grammar", "Names and resources of events of your own."],
  [
    "self-hosted",
    "Self-host in depth",
    "Databases, migrations, base path, reverse proxies, TLS, several API servers, Redis messaging.",
  ],
  ["server-helm", "Self-host the server with Helm", "Prefect server and workers on Kubernetes."],
  ["database-maintenance", "Database maintenance", "Retention, vacuum, deleting old runs and events."],
  ["security-settings", "Security settings", "Basic auth, CSRF, CORS, host checks."],
  ["api-client", "Use the API client", "get_client, filters, bulk changes of runs."],
  ["infrastructure-as-code", "Manage infrastructure as code", "Terraform provider, Helm charts, API."],
  ["daemonize-processes", "Daemonize worker processes", "systemd units for workers and serve()."],
  [
    "submit-flows-directly-to-dynamic-infrastructure",
    "Submit flows to dynamic infrastructure",
    "Decorators that run one flow elsewhere.",
  ],
  ["plugins", "Plugins", "Hooks that run at client start."],
  ["assets", "Assets in depth", "Metadata, dependencies, materialising from dbt."],
  ["cancel-workflows", "Cancel workflows", "What cancelling does and which workers can do it."],
] as const satisfies readonly Row[];

const OTHER = [
  ["v3/get-started/index", "Introduction", "What Prefect is and the parts of it."],
  ["v3/get-started/install", "Install Prefect", "pip, uv, Docker; extras; supported Python versions."],
  ["v3/get-started/quickstart", "Quickstart", "From a script to a scheduled deployment."],
  ["v3/get-started/github-quickstart", "GitHub quickstart", "Deploy a flow from a repository."],
  ["v3/api-ref/index", "API references", "REST, Python SDK, CLI and settings references."],
  ["v3/api-ref/rest-api/index", "REST API", "Routes, filters, pagination, authentication."],
  ["v3/api-ref/rest-api/server/index", "Server REST API", "Every route of a self-hosted server."],
  ["v3/api-ref/rest-api/cloud/index", "Cloud REST API", "Routes of Prefect Cloud."],
  ["v3/api-ref/cli/deployment", "CLI: deployment", "prefect deployment run, ls, inspect, schedule, delete."],
  ["v3/api-ref/cli/flow-run", "CLI: flow-run", "prefect flow-run ls, cancel, logs, inspect, retry, delete."],
  ["v3/api-ref/cli/work-pool", "CLI: work-pool", "prefect work-pool create, pause, resume, set-concurrency-limit."],
  ["v3/api-ref/cli/automation", "CLI: automation", "prefect automation create, pause, resume, inspect, delete."],
  [
    "v3/api-ref/cli/concurrency-limit",
    "CLI: concurrency-limit and global-concurrency-limit",
    "Create, inspect, reset and delete limits.",
  ],
  ["v3/api-ref/cli/events", "CLI: events", "prefect events stream and emit."],
  ["v3/api-ref/settings-ref", "Settings reference", "Every setting with type, default and environment names."],
  ["v3/api-ref/events/index", "Event reference", "Events that Prefect emits, with resources and payloads."],
  ["v3/examples/index", "Examples", "Worked examples: web scraping, dbt, APIs, AI."],
  [
    "integrations/integrations",
    "Integrations",
    "List of prefect-aws, prefect-gcp, prefect-azure, prefect-dbt and others.",
  ],
  ["integrations/prefect-aws/index", "prefect-aws", "S3, ECS, secrets, Batch, Lambda."],
  ["integrations/prefect-gcp/index", "prefect-gcp", "GCS, BigQuery, Cloud Run, Vertex AI."],
  ["integrations/prefect-azure/index", "prefect-azure", "Blob storage, Container Instances, Cosmos DB."],
  ["integrations/prefect-dbt/index", "prefect-dbt", "Running dbt Core and dbt Cloud, assets of models."],
  ["integrations/prefect-kubernetes/index", "prefect-kubernetes", "Worker, jobs, pod events, observer."],
  ["integrations/prefect-docker/index", "prefect-docker", "Docker worker and container tasks."],
  ["integrations/prefect-slack/index", "prefect-slack", "Messages from flows and automations."],
  ["integrations/prefect-sqlalchemy/index", "prefect-sqlalchemy", "Connections and queries."],
  ["integrations/prefect-redis/index", "prefect-redis", "Redis blocks, messaging for several servers, locks."],
  ["contribute/index", "Contribute", "Developing Prefect itself."],
] as const satisfies readonly Row[];

export const DOC_PAGES: readonly DocPage[] = [
  ...CONCEPTS.map(([path, title, summary]) => ({
    path: `v3/concepts/${path}`,
    title: own(title),
    summary: own(summary),
  })),
  ...HOW_TO.map(([path, title, summary]) => ({
    path: `v3/how-to-guides/${path}`,
    title: own(title),
    summary: own(summary),
  })),
  ...ADVANCED.map(([path, title, summary]) => ({
    path: `v3/advanced/${path}`,
    title: own(title),
    summary: own(summary),
  })),
  ...OTHER.map(([path, title, summary]) => ({ path, title: own(title), summary: own(summary) })),
];

/** Newest first. */
export const RELEASE_NOTES: readonly DocPage[] = [8, 7, 6, 5, 4, 3, 2, 1, 0].map((minor) => ({
  path: `v3/release-notes/oss/version-3-${minor}`,
  title: sentence`Release notes of Prefect 3.${minor}`,
  summary: sentence`What changed in each 3.${minor} release of the open-source server and SDK.`,
}));

import { own, type Sentence, sentence } from "../../lib/shown-text.ts";
