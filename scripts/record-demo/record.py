"""Record the demo workspace (src/demo/recorded/workspace.json) from a real Prefect server. About five minutes.

    .venv/bin/python scripts/record-demo/record.py [--out src/demo/recorded/workspace.json]

Starts a server and two process workers of its own on a free loopback port with a temporary home, lets the flows of flows.py run,
reads everything over REST and stops what it started. Nothing is invented or edited, apart from host names, folders, ports and
process ids, which are replaced. Rows are grouped by the top-level flow run they belong to, because the replay server shifts and
repeats whole runs.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import httpx

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PREFECT = Path(sys.executable).with_name("prefect")
FAR = {"since": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def now() -> datetime:
    return datetime.now(timezone.utc)


def iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Workspace:
    """A real server, its workers, and the requests that fill it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.flows = folder / "shop" / "flows"
        self.flows.mkdir(parents=True)
        shutil.copy(HERE / "flows.py", self.flows / "flows.py")
        self.port = free_port()
        self.api = f"http://127.0.0.1:{self.port}/api"
        clean = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
        self.env = {
            **clean,
            "PREFECT_HOME": str(folder / "home"),
            "PREFECT_API_URL": self.api,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_WORKER_QUERY_SECONDS": "3",
            "PREFECT_LOGGING_COLORS": "false",
        }
        self.processes: list[subprocess.Popen] = []
        self.log = open(folder / "processes.log", "w")
        self.http = httpx.AsyncClient(base_url=self.api, timeout=60)
        self.deployments: dict[str, str] = {}

    def spawn(self, *arguments: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [str(PREFECT), *arguments], env=self.env, stdout=self.log, stderr=self.log, start_new_session=True
        )
        self.processes.append(process)
        return process

    def stop(self) -> None:
        """Kill the workers with their runs, so that the runs keep their state, then stop the server."""
        for process in reversed(self.processes):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM if process is self.processes[0] else signal.SIGKILL)
                process.wait(30)

    async def call(self, method: str, path: str, body=None):
        """Repeat a request that is answered with 503, as a busy server on SQLite does for writes."""
        for attempt in range(20):
            try:
                answer = await self.http.request(method, path, json=body)
            except httpx.TransportError:
                await asyncio.sleep(0.5)
                continue
            if answer.status_code != 503:
                break
            await asyncio.sleep(0.3 * (attempt + 1))
        if answer.status_code >= 400:
            raise SystemExit(f"{method} {path}: {answer.status_code} {answer.text[:400]}")
        return answer.json() if answer.content else None

    async def post(self, path: str, body=None):
        return await self.call("POST", path, body if body is not None else {})

    async def start_server(self) -> None:
        self.spawn("server", "start", "--host", "127.0.0.1", "--port", str(self.port))
        for _ in range(120):
            try:
                if (await self.http.get("/health")).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.5)
        raise SystemExit(f"the server did not start, see {self.log.name}")

    async def deploy(self, flow_name: str, name: str, pool: str = "etl-pool", **more) -> None:
        from prefect.utilities.callables import parameter_schema

        sys.path.insert(0, str(self.flows))
        import flows

        function = flow_name.replace("-", "_")
        flow = await self.post("/flows/", {"name": flow_name})
        schema = parameter_schema(getattr(flows, function)).model_dump()
        created = await self.post(
            "/deployments/",
            {
                "name": name,
                "flow_id": flow["id"],
                "work_pool_name": pool,
                "entrypoint": f"flows.py:{function}",
                "path": str(self.flows),
                "pull_steps": [
                    {"prefect.deployments.steps.set_working_directory": {"directory": str(self.flows)}}
                ],
                "parameter_openapi_schema": schema,
                "enforce_parameter_schema": True,
                **more,
            },
        )
        self.deployments[f"{flow_name}/{name}"] = created["id"]

    async def run(self, deployment: str, late_minutes: int = 0, **body) -> str:
        if late_minutes:
            due = iso(now() - timedelta(minutes=late_minutes))
            body["state"] = {"type": "SCHEDULED", "state_details": {"scheduled_time": due}}
        return (await self.post(f"/deployments/{self.deployments[deployment]}/create_flow_run", body))["id"]

    async def reach(self, run: str, *names: str, seconds: int = 150) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            state = (await self.call("GET", f"/flow_runs/{run}"))["state_name"]
            if state in names:
                return
            await asyncio.sleep(0.5)
        raise SystemExit(f"run {run} is {state}, not {names}")


async def set_up(w: Workspace) -> None:
    await w.post("/work_pools/", {"name": "etl-pool", "type": "process", "description": "Everyday pipelines"})
    await w.post("/work_pools/", {"name": "gpu-pool", "type": "process", "description": "One GPU", "concurrency_limit": 1})
    await w.post("/work_pools/", {"name": "legacy-pool", "type": "process", "description": "The old shop's machine"})
    await w.post("/work_pools/etl-pool/queues", {"name": "reports", "priority": 1, "concurrency_limit": 4})
    await w.post("/v2/concurrency_limits/", {"name": "warehouse-connections", "limit": 3})
    await w.post("/concurrency_limits/", {"tag": "warehouse", "concurrency_limit": 5})

    def cron(text, active=True):
        return [{"schedule": {"cron": text, "timezone": "UTC"}, "active": active}]

    each_minute = [{"schedule": {"interval": 60, "anchor_date": "2026-01-01T00:00:00Z"}, "active": True}]
    reports = {"work_queue_name": "reports", "tags": ["reports"]}
    await w.deploy("ingest-orders", "web", tags=["orders"], parameters={"source": "web", "batches": 8})
    await w.deploy("hourly-report", "eu", parameters={"region": "eu"}, schedules=each_minute, **reports)
    await w.deploy("hourly-report", "us", parameters={"region": "us"}, schedules=each_minute, **reports)
    await w.deploy("nightly-rebuild", "main", tags=["search"], schedules=cron("0 2 * * *"))
    await w.deploy("billing-import", "daily", tags=["finance"], schedules=cron("0 6 * * *"))
    await w.deploy("billing-repair", "automatic", tags=["finance"])
    await w.deploy("export-ledger", "archive", tags=["finance"])
    await w.deploy("sync-inventory", "stores", tags=["stock"], schedules=[
        {"schedule": {"interval": 10_800, "anchor_date": "2026-01-01T00:00:00Z"}, "active": True}
    ])
    await w.deploy("train-model", "gpu", "gpu-pool", tags=["ml"], parameters={"rows": 200_000})
    await w.deploy("approve-payout", "finance", tags=["finance"], concurrency_limit=2)
    await w.deploy("legacy-feed", "hourly", "legacy-pool", tags=["legacy"])
    await w.deploy("legacy-feed", "weekly", "legacy-pool", tags=["legacy"], paused=True, schedules=cron("0 4 * * 1"))

    def on_failure(deployment):
        return {
            "type": "event", "posture": "Reactive", "threshold": 1, "within": 0,
            "expect": ["prefect.flow-run.Failed"], "match": {"prefect.resource.id": "prefect.flow-run.*"},
            "match_related": {
                "prefect.resource.role": "deployment",
                "prefect.resource.id": f"prefect.deployment.{w.deployments[deployment]}",
            },
        }

    await w.post("/automations/", {
        "name": "repair-billing-import", "description": "Puts the invoices of a failed import back", "tags": ["finance"],
        "trigger": on_failure("billing-import/daily"),
        "actions": [{
            "type": "run-deployment", "source": "selected", "deployment_id": w.deployments["billing-repair/automatic"],
            "parameters": {"failed_run": {"__prefect_kind": "jinja", "template": "{{ flow_run.id }}"}},
        }],
    })
    await w.post("/automations/", {
        "name": "three-crashes", "description": "Three crashes within an hour", "tags": ["ops"],
        "trigger": {
            "type": "event", "posture": "Reactive", "threshold": 3, "within": 3600,
            "expect": ["prefect.flow-run.Crashed"], "match": {"prefect.resource.id": "prefect.flow-run.*"},
        },
        "actions": [{"type": "do-nothing"}],
    })
    await w.post("/automations/", {
        "name": "pause-legacy", "description": "Switched off", "enabled": False, "tags": ["legacy"],
        "trigger": on_failure("legacy-feed/hourly"),
        "actions": [{"type": "pause-deployment", "source": "selected", "deployment_id": w.deployments["legacy-feed/hourly"]}],
    })


async def let_it_run(w: Workspace) -> None:
    """Run each case once, few at a time: SQLite has one writer, and the machine may be small."""
    w.spawn("worker", "start", "--pool", "etl-pool", "--name", "etl-worker-1", "--limit", "6")
    w.spawn("worker", "start", "--pool", "gpu-pool", "--name", "gpu-worker-1")
    async def scheduled(deployment: str) -> None:
        """The scheduler's own runs of one deployment: one completes, then its schedule becomes hourly."""
        chosen = {"deployments": {"id": {"any_": [w.deployments[deployment]]}}}
        while True:
            rows = await w.post("/flow_runs/filter", {**chosen, "flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}})
            if rows:
                break
            await asyncio.sleep(1)
        await w.call("PATCH", f"/deployments/{w.deployments[deployment]}", {
            "schedules": [{"schedule": {"cron": "0 * * * *", "timezone": "UTC"}, "active": True}]
        })

    reports = asyncio.gather(scheduled("hourly-report/eu"), scheduled("hourly-report/us"))
    crash = await w.run("train-model/gpu", parameters={"rows": 4_000_000, "epochs": 12})
    first = await w.run("ingest-orders/web")
    await w.reach(crash, "Crashed")
    await w.run("train-model/gpu")
    await w.reach(first, "Completed")
    await asyncio.wait_for(reports, 240)
    for deployment, end in (
        ("billing-import/daily", "Failed"),
        ("sync-inventory/stores", "Failed"),
        ("nightly-rebuild/main", "Completed"),
        ("export-ledger/archive", "Failed"),
        ("approve-payout/finance", "Paused"),
    ):
        await w.reach(await w.run(deployment), end)
    cancelled = await w.run("ingest-orders/web", parameters={"source": "outlet", "batches": 40})
    await w.reach(cancelled, "Running")
    await asyncio.sleep(9)
    await w.post(f"/flow_runs/{cancelled}/set_state", {"state": {"type": "CANCELLING", "name": "Cancelling"}})
    await w.reach(cancelled, "Cancelled")
    late = [await w.run("train-model/gpu", late_minutes=7, parameters={"rows": 300_000})]
    late += [await w.run("legacy-feed/hourly", late_minutes=minutes) for minutes in (130, 70, 10)]
    for run in late:
        await w.reach(run, "Late")


async def pages(w: Workspace, path: str, key: str | None = None, **body) -> list:
    rows: list = []
    while True:
        page = await w.post(path, {**body, "limit": 200, "offset": len(rows)})
        rows += page
        if len(page) < 200:
            return rows


async def read_all(w: Workspace) -> dict:
    """Everything that the server has, as answered over REST."""
    first = await w.post("/events/filter", {"filter": {"occurred": FAR, "order": "ASC"}})
    events, link = first["events"], first["next_page"]
    while link:
        page = await w.call("GET", "/events/filter/next?page-token=" + link.split("page-token=")[1])
        events, link = events + page["events"], page["next_page"]
    assert len({event["id"] for event in events}) == first["total"]
    flow_runs = await pages(w, "/flow_runs/filter", sort="ID_DESC")
    pools = await w.post("/work_pools/filter")
    settings = await w.call("GET", "/admin/settings")
    server = settings["server"]
    return {
        "version": await w.call("GET", "/admin/version"),
        "api_version": await w.call("GET", "/version"),
        "settings": {"server": {
            **{key: server[key] for key in ("api", "events", "logs", "flow_run_graph")},
            "services": {key: server["services"][key] for key in ("event_persister", "late_runs", "db_vacuum", "scheduler")},
        }},
        "flows": await pages(w, "/flows/filter"),
        "deployments": await pages(w, "/deployments/filter"),
        "work_pools": pools,
        "work_queues": await w.post("/work_queues/filter"),
        "workers": {pool["name"]: await w.post(f"/work_pools/{pool['name']}/workers/filter") for pool in pools},
        "slots": {pool["name"]: await w.post(f"/work_pools/{pool['name']}/concurrency_status", {"flow_run_limit": 200}) for pool in pools},
        "concurrency_limits": await w.post("/v2/concurrency_limits/filter"),
        "tag_limits": await w.post("/concurrency_limits/filter"),
        "automations": await w.post("/automations/filter"),
        "flow_runs": flow_runs,
        "flow_run_states": {run["id"]: await w.call("GET", f"/flow_run_states/?flow_run_id={run['id']}") for run in flow_runs},
        "flow_run_inputs": await read_inputs(w, flow_runs),
        "task_runs": await pages(w, "/task_runs/filter", sort="ID_DESC"),
        "logs": await pages(w, "/logs/filter", sort="TIMESTAMP_ASC"),
        "events": events,
    }


async def read_inputs(w: Workspace, flow_runs: list) -> dict:
    """The values that paused runs store under their keys: schema and description of the input they wait for."""
    inputs: dict[str, dict] = {}
    for run in flow_runs:
        keyset = run["state"]["state_details"]["run_input_keyset"] or {}
        for key in keyset.values():
            answer = await w.http.get(f"/flow_runs/{run['id']}/input/{key}")
            if answer.status_code == 200:
                inputs.setdefault(run["id"], {})[key] = answer.json()
    return inputs


def group(everything: dict) -> dict:
    """Rows of runs by top-level flow run (an automation's run belongs to the run that triggered it), the rest apart."""
    runs = {run["id"]: run for run in everything["flow_runs"]}
    task_runs = {run["id"]: run for run in everything["task_runs"]}
    root_of: dict[str, str] = {}

    def root(run_id: str) -> str:
        parent = runs[run_id]["parent_task_run_id"]
        return root(task_runs[parent]["flow_run_id"]) if parent else run_id

    for run_id, run in runs.items():
        cause = run["parameters"].get("failed_run", "")
        root_of[run_id] = root(cause) if cause in runs else root(run_id)
    upcoming = {i for i, run in runs.items() if run["auto_scheduled"] and run["state_name"] == "Scheduled"}
    families = {i: {"root": i, "flow_runs": [], "flow_run_states": [], "task_runs": [], "logs": [], "events": []}
                for i in sorted(set(root_of.values()), key=lambda i: runs[i]["created"]) if i not in upcoming}

    def place(kind: str, row: dict, run_id: str | None) -> bool:
        owner = families.get(root_of.get(run_id or "", ""))
        if owner is not None:
            owner[kind].append(row)
        return owner is not None

    for run in everything["flow_runs"]:
        place("flow_runs", run, run["id"])
        for state in everything["flow_run_states"][run["id"]]:
            place("flow_run_states", {"flow_run_id": run["id"], **state}, run["id"])
    for run in everything["task_runs"]:
        place("task_runs", run, run["flow_run_id"])
    for line in everything["logs"]:
        place("logs", line, line["flow_run_id"])
    loose = []
    for event in everything["events"]:
        named = [i for i in UUID.findall(json.dumps(event)) if i in root_of and i not in upcoming]
        if not named or not place("events", event, named[0]):
            loose.append(event)
    rest = {k: v for k, v in everything.items() if k not in ("flow_runs", "flow_run_states", "task_runs", "logs", "events")}
    return {**rest, "upcoming": [runs[i] for i in upcoming], "families": list(families.values()), "events": loose}


def clean(text: str, w: Workspace) -> str:
    for place, name in ((str(w.flows), "/srv/shop/flows"), (str(w.folder), "/srv"), (str(PREFECT.parent.parent), "/srv/venv")):
        text = text.replace(place, name)
    text = re.sub(r'(?:/[^\s"\\:,<>()\[\]{}]+)+/(?:site|dist)-packages/', "/srv/venv/lib/site-packages/", text)
    text = re.sub(r'(?:/[^\s"\\:,<>()\[\]{}]+)+/lib/python3\.\d+/', "/srv/python/lib/", text)
    text = text.replace(f":{w.port}", ":4200").replace(socket.gethostname(), "etl-host")
    pids: dict[str, str] = {}
    pid = lambda m: m[1] + pids.setdefault(m[2], str(4100 + 3 * len(pids))) + m[3]
    text = re.sub(r'("infrastructure_pid":"(?:[^":]*:)?)(\d+)(")', pid, text)
    text = re.sub(r'("prefect\.infrastructure\.identifier":"(?:[^":]*:)?)(\d+)(")', pid, text)
    return re.sub(r"((?:process|Process|PID|pid)(?: ID)? '?)(\d+)(\b)", pid, text)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default=str(ROOT / "src/demo/recorded/workspace.json"))
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder with the processes' log")
    options = parser.parse_args()
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="record-demo-"))
    w = Workspace(folder)
    os.environ.update({"PREFECT_HOME": w.env["PREFECT_HOME"], "PREFECT_API_URL": w.api})
    try:
        await w.start_server()
        await set_up(w)
        await let_it_run(w)
        await asyncio.sleep(8)  # the server writes events in batches, every 5 s
        recorded_at = iso(now())
        everything = await read_all(w)
    finally:
        w.stop()
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    workspace = {"recorded_at": recorded_at, **group(everything)}
    assert not [f for f in workspace["families"] if not f["events"]]
    text = clean(json.dumps(workspace, separators=(",", ":"), ensure_ascii=False), w)
    out = Path(options.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text + "\n")
    counts = {k: len(everything[k]) for k in ("events", "flow_runs", "task_runs", "logs", "deployments")}
    print(f"Prefect {everything['version']}, {time.monotonic() - started:.0f} s, {len(text) // 1024} KiB, {counts}")


asyncio.run(main())
