"""Real flows for test/real/diagnosis-flows.test.ts: each argument runs one; prints the run ids by name as JSON."""
import json
import logging
import sys
import threading
import time
import uuid

from prefect import flow, get_run_logger, task
from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency
from prefect.context import FlowRunContext
from prefect.deployments import run_deployment

IDS = {}


def remember(name):
    IDS[name] = str(FlowRunContext.get().flow_run.id)


@flow(name="fetch-prices")
def upstream():
    remember("upstream")
    get_run_logger().warning("upstream answered 503, giving up after 3 tries")
    raise RuntimeError("503 Service Unavailable from prices.example.org")


@task
def read_price(row):
    return row["price"]


@flow(name="price-inner")
def inner():
    remember("inner")
    read_price({"amount": 3})


@flow(name="price-middle")
def middle():
    remember("middle")
    inner()


@flow(name="price-outer")
def outer():
    remember("outer")
    middle()


CALLS = {"n": 0}


@task(retries=2, retry_delay_seconds=0.1)
def flaky_read():
    CALLS["n"] += 1
    if CALLS["n"] == 1:
        raise ConnectionError("connection reset by peer")
    return 1


@flow(name="flaky-read")
def retried():
    remember("retried")
    flaky_read()


@flow(name="export-all")
def export():
    remember("export")
    log = get_run_logger()
    for n in range(1500):
        log.info("row %s written", n)
    log.error("disk quota exceeded on /export while writing part 7")
    raise RuntimeError("export aborted")


@task
def wrapped():
    try:
        int("12,5")
    except ValueError as error:
        raise RuntimeError("could not read the configuration") from error


@flow(name="config-check")
def chained():
    remember("chained")
    wrapped()


@flow(name="too-slow", timeout_seconds=1)
def too_slow():
    remember("too_slow")
    time.sleep(3)


@flow(name="returns-failed")
def returns_failed():
    remember("returns_failed")
    from prefect.states import Failed

    return Failed(message="12 of 400 rows were rejected by the ledger")


@flow(name="ledger-write")
def with_limit(hold: float = 0.0):
    with concurrency("ledger", occupy=1, strict=True):
        time.sleep(hold)


@task(tags=["db", "free"])
def write_row(hold):
    time.sleep(hold)


@flow(name="tag-write")
def with_tag(hold: float = 0.0):
    write_row(hold)


@flow(name="order-batch")
def waits_for_child():
    remember("waits_for_child")
    child = run_deployment("child-flow/child-dep", timeout=None, poll_interval=0.5)
    child.state.result()


def run(name):
    try:
        {
            "upstream": upstream,
            "nested": outer,
            "retried": retried,
            "export": export,
            "chained": chained,
            "too_slow": too_slow,
            "returns_failed": returns_failed,
            "waits_for_child": waits_for_child,
        }[name]()
    except Exception:
        pass


if __name__ == "__main__":
    logging.disable(logging.CRITICAL) if "--quiet" in sys.argv else None
    if sys.argv[1] == "hold":
        other = threading.Thread(target=with_tag, args=(float(sys.argv[2]),))
        other.start()
        with_limit(float(sys.argv[2]))
        other.join()
    else:
        for name in sys.argv[1:]:
            run(name)
    print(json.dumps({"ids": IDS, "salt": str(uuid.uuid4())}))
    with get_client(sync_client=True) as client:
        client.hello()
