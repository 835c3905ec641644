"""Real flows that fill a Prefect server with what a workspace has: run it with PREFECT_API_URL set.

    python workspace.py [scenario ...]      # default: all but `worker`

| Scenario     | Makes |
|---|---|
| `pool`       | process pools `etl-pool`, `narrow-pool` (limit 1) and `dead-pool`, a queue, deployments (one with a schedule), limits |
| `automation` | an automation that runs a deployment whenever a flow run fails (needs `pool`) |
| `success`    | a flow with three tasks, tags, parameters, a warning |
| `failure`    | a failed task, so a failed run with a traceback |
| `retry`      | a task that fails once and a flow that fails once |
| `crash`      | a run that crashed |
| `subflows`   | a parent whose second child fails |
| `map`        | 200 mapped tasks and 100 custom events |
| `logs`       | 1,500 log lines and, in a run of its own, an error after 300 lines |
| `scheduled`  | late, cancelled, suspended, upcoming and running runs, a custom state name (needs `pool`) |
| `paused`     | a run that pauses itself and stays so |
| `worker`     | runs of two deployments by a worker of `etl-pool`, which the caller starts; waits for their end |

The last line of the output is JSON: ids by name. Flows run one after another: SQLite has one writer.
"""

import json
import os
import sys
import threading
import time
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path

os.environ.setdefault("PREFECT_LOGGING_TO_API_BATCH_INTERVAL", "0.5")
os.environ.setdefault("PREFECT_LOGGING_LEVEL", "INFO")

import httpx
import prefect
from prefect import flow, get_run_logger, pause_flow_run, task
from prefect.events import emit_event

HERE = Path(__file__).resolve()
VERSION = tuple(int(part) for part in prefect.__version__.split(".")[:2])
FOUND = {}


def now():
    return datetime.now(timezone.utc)


def iso(moment):
    return moment.isoformat().replace("+00:00", "Z")


class Api:
    """The REST API, with another try on the 503 that a busy SQLite server answers to writes."""

    def __init__(self):
        auth = os.environ.get("PREFECT_API_AUTH_STRING")
        pair = tuple(auth.split(":", 1)) if auth else None
        self.http = httpx.Client(base_url=os.environ["PREFECT_API_URL"], timeout=600, auth=pair, trust_env=False)

    def call(self, method, path, body=None):
        for attempt in range(100):
            try:
                answer = self.http.request(method, path, json=body)
            except httpx.TransportError:
                continue
            if answer.status_code != 503:
                answer.raise_for_status()
                return answer.json() if answer.content else None
            time.sleep(min(0.2 * (attempt + 1), 5))
        raise SystemExit(f"{method} {path} did not work")

    def post(self, path, body=None):
        return self.call("POST", path, {} if body is None else body)


API = Api()


# --- flows -----------------------------------------------------------------------------------------------------------


@task
def extract(n):
    return n * 2


def parse_amount(raw):
    return int(raw)


@task
def load(raw):
    get_run_logger().info("loading %s", raw)
    return parse_amount(raw)


TRIES = {"task": 0, "flow": 0}


@task(retries=2, retry_delay_seconds=1)
def flaky_task():
    TRIES["task"] += 1
    if TRIES["task"] == 1:
        raise ConnectionError("first try of the task")
    return TRIES["task"]


@flow(name="orders-etl", log_prints=True)
def orders_etl(n: int = 3):
    print("orders", n)
    get_run_logger().warning("slow source")
    return [extract(i) for i in range(n)]


@flow(name="billing-import")
def billing_import(raw: str = "12,50"):
    get_run_logger().info("billing starts")
    return load(raw)


@flow(name="flaky", retries=1, retry_delay_seconds=1)
def flaky():
    flaky_task()
    TRIES["flow"] += 1
    if TRIES["flow"] == 1:
        raise TimeoutError("first try of the flow")


@flow(name="crasher")
def crasher():
    raise SystemExit(3)


@flow(name="child-sync")
def child_sync(fail: bool):
    if fail:
        raise RuntimeError("upstream table ledger_2026 is locked")


@flow(name="parent-sync")
def parent_sync():
    child_sync(False)
    child_sync(True)


@task
def square(n):
    return n * n


@flow(name="wide-map")
def wide_map(n: int = 200, events: int = 100):
    for i in range(events):
        emit_event(
            "shop.order.placed",
            resource={"prefect.resource.id": f"shop.order.{i}", "prefect.resource.name": f"order {i}"},
            related=[{"prefect.resource.id": "shop.customer.7", "prefect.resource.role": "customer"}],
            payload={"amount": i, "note": "quokkaberry"},
        )
    return sum(future.result() for future in square.map(range(n)))


@flow(name="talker")
def talker(lines: int = 1500):
    logger = get_run_logger()
    for i in range(lines):
        logger.info("line %d of %d", i + 1, lines)


@flow(name="late-error")
def late_error(lines: int = 300):
    talker.fn(lines)
    raise ValueError("the error at the end of a long run")


@flow(name="pauser")
def pauser():
    pause_flow_run(timeout=3600, poll_interval=1)


@flow(name="sleeper")
def sleeper(seconds: float = 1):
    time.sleep(seconds)


# --- scenarios -------------------------------------------------------------------------------------------------------


def run(name, function, *args, tags=(), **kwargs):
    """Runs a flow in this process and notes its id, whatever its result."""
    from prefect import tags as with_tags

    try:
        with with_tags(*tags):
            state = function(*args, return_state=True, **kwargs)
        FOUND[name] = str(state.state_details.flow_run_id)
    except BaseException as error:  # a crash is raised again by the engine
        if isinstance(error, KeyboardInterrupt):
            raise
        newest = API.post("/flow_runs/filter", {"flows": {"name": {"any_": [function.name]}}, "sort": "START_TIME_DESC", "limit": 1})
        FOUND[name] = newest[0]["id"]


def deployment(name, function, pool="etl-pool", **extra):
    parent = API.post("/flows/", {"name": function.name})
    entrypoint = f"{HERE.name}:{function.fn.__name__}"
    steps = [{"prefect.deployments.steps.set_working_directory": {"directory": str(HERE.parent)}}]
    body = {"name": name, "flow_id": parent["id"], "work_pool_name": pool, "entrypoint": entrypoint, "path": str(HERE.parent), "pull_steps": steps, "tags": ["prod"], "enforce_parameter_schema": False, **extra}
    FOUND[f"deployment:{name}"] = API.post("/deployments/", body)["id"]


def deployment_id(name):
    """Also of a deployment that an earlier call of this script made."""
    key = f"deployment:{name}"
    if key not in FOUND:
        FOUND[key] = API.post("/deployments/filter", {"deployments": {"name": {"any_": [name]}}})[0]["id"]
    return FOUND[key]


def start(name, key, **body):
    """A run of a deployment; `key` is what it is called in the output."""
    FOUND[key] = API.post(f"/deployments/{deployment_id(name)}/create_flow_run", body)["id"]
    return FOUND[key]


def set_state(run_id, type_, force=True, **state):
    API.post(f"/flow_runs/{run_id}/set_state", {"state": {"type": type_, **state}, "force": force})


def scheduled_for(delta):
    return {"type": "SCHEDULED", "state_details": {"scheduled_time": iso(now() + delta)}}


def pool():
    for name, extra in {"etl-pool": {}, "narrow-pool": {"concurrency_limit": 1}, "dead-pool": {}}.items():
        FOUND[f"pool:{name}"] = API.post("/work_pools/", {"name": name, "type": "process", **extra})["id"]
    API.post("/work_pools/etl-pool/queues", {"name": "fast", "priority": 1})
    API.post("/v2/concurrency_limits/", {"name": "warehouse", "limit": 2})
    API.post("/concurrency_limits/", {"tag": "db", "concurrency_limit": 1})
    hourly = {"schedule": {"interval": 3600, "anchor_date": "2026-01-01T00:00:00Z"}, "active": True}
    weekly = {"schedule": {"cron": "0 6 * * 1", "timezone": "UTC"}, "active": False}
    deployment("orders-nightly", orders_etl, parameters={"n": 2})
    deployment("orders-hourly", orders_etl, parameters={"n": 1}, work_queue_name="fast", schedules=[hourly, weekly])
    deployment("sleeper-one-at-a-time", sleeper, concurrency_limit=1)
    deployment("orders-stranded", orders_etl, "dead-pool")
    deployment("orders-narrow", orders_etl, "narrow-pool")
    deployment("orders-paused", orders_etl, paused=True)


def automation():
    trigger = {"type": "event", "posture": "Reactive", "threshold": 1, "within": 0, "expect": ["prefect.flow-run.Failed"], "match": {"prefect.resource.id": "prefect.flow-run.*"}}
    action = {"type": "run-deployment", "source": "selected", "deployment_id": deployment_id("orders-stranded")}
    tags = {"tags": ["ops"]} if VERSION >= (3, 4) else {}
    FOUND["automation"] = API.post("/automations/", {"name": "rerun-on-failure", "trigger": trigger, "actions": [action], **tags})["id"]
    time.sleep(0.5)  # The trigger loads in the background. When it misses the first failed run, a later one fires it.


def scheduled():
    start("orders-stranded", "late", state=scheduled_for(timedelta(minutes=-10)))
    start("orders-nightly", "upcoming", state=scheduled_for(timedelta(hours=6)), idempotency_key=str(uuid.uuid4()))
    cancelled = start("orders-nightly", "cancelled", state=scheduled_for(timedelta(hours=1)))
    set_state(cancelled, "CANCELLING", force=False, name="Cancelling", message="not needed any more")
    running = start("orders-narrow", "running")
    set_state(running, "PENDING")
    set_state(running, "RUNNING")
    custom = start("orders-nightly", "custom", state=scheduled_for(timedelta(hours=2)))
    set_state(custom, "RUNNING")
    set_state(custom, "RUNNING", name="Waiting for QA")
    suspended = start("orders-nightly", "suspended", state=scheduled_for(timedelta(hours=2)))
    set_state(suspended, "RUNNING")
    timeout = iso(now() + timedelta(hours=1))
    set_state(suspended, "PAUSED", name="Suspended", state_details={"pause_reschedule": True, "pause_timeout": timeout, "pause_key": "k"})
    until("the late run to be Late", lambda: read(FOUND["late"])["state_name"] == "Late")


def paused():
    threading.Thread(target=pauser, daemon=True).start()
    query = {"flows": {"name": {"any_": ["pauser"]}}, "flow_runs": {"state": {"type": {"any_": ["PAUSED"]}}}}
    FOUND["paused"] = until("a paused run", lambda: API.post("/flow_runs/filter", query))[0]["id"]


def worker():
    done = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
    ids = [start("orders-nightly", "worked"), start("sleeper-one-at-a-time", "worked-slowly", parameters={"seconds": 2})]
    until("the worker's runs to end", lambda: all(read(i)["state_type"] in done for i in ids))


def read(run_id):
    return API.call("GET", f"/flow_runs/{run_id}")


def until(what, probe, seconds=600):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := probe():
            return found
        time.sleep(0.2)
    raise SystemExit("timed out waiting for " + what)


SCENARIOS = {
    "pool": pool,
    "automation": automation,
    "success": lambda: run("success", orders_etl, 3, tags=["demo", "nightly"]),
    "failure": lambda: run("failure", billing_import),
    "retry": lambda: run("retry", flaky),
    "crash": lambda: run("crash", crasher),
    "subflows": lambda: run("subflows", parent_sync),
    "map": lambda: run("map", wide_map),
    "logs": lambda: (run("logs", talker), run("late-error", late_error)),
    "scheduled": scheduled,
    "paused": paused,
    "worker": worker,
}


def main():
    wanted = sys.argv[1:] or [name for name in SCENARIOS if name != "worker"]
    spent = {}
    for name in wanted:
        began = time.monotonic()
        SCENARIOS[name]()
        spent[name] = round(time.monotonic() - began, 1)
    print(json.dumps({"ids": FOUND, "seconds": spent}), flush=True)


if __name__ == "__main__":
    main()
