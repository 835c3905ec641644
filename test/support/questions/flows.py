"""Runs one flow three times well and once badly, and prints the ids of the runs as JSON: what compare_runs and get_reliability tell apart."""

import json
import time

from prefect import flow, task


@task
def read(rows, seconds):
    time.sleep(seconds)
    print(f"read {rows} rows")
    return rows


@task
def write(rows, column):
    if column == "prise":
        raise ValueError(f"no such column: {column}")
    print(f"wrote {rows} rows")


@task
def check(rows):
    print(f"checked {rows} rows")


@task
def notify():
    print("all is well")


@flow(name="orders", log_prints=True)
def orders(day: int, column: str = "price", checks: bool = False, seconds: float = 0.1):
    rows = read(100 + day, seconds)
    if checks:
        check(rows)
    write(rows, column)
    notify()


def run(version, **parameters):
    state = orders.with_options(version=version)(**parameters, return_state=True)
    return str(state.state_details.flow_run_id)


good = [run("v1", day=day) for day in (1, 2, 3)]
bad = run("v2", day=4, column="prise", checks=True, seconds=2)
print(json.dumps({"good": good, "bad": bad}))
