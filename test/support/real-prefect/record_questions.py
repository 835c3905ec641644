"""Flows whose runs only a record can compare later: run it with PREFECT_API_URL set.

    python record_questions.py assets        # raw -> clean -> report, made by tasks with @materialize
    python record_questions.py fail N        # a run that fails; N is in the text of its error
    python record_questions.py succeed       # a run of the same flow that completes
"""

import os
import sys

os.environ.setdefault("PREFECT_LOGGING_LEVEL", "ERROR")

from prefect import flow
from prefect.assets import materialize

RAW, CLEAN, REPORT = "s3://lake/raw", "postgres://dwh/clean", "postgres://dwh/report"


@materialize(CLEAN, asset_deps=[RAW], by="dbt")
def clean():
    return 1


@materialize(REPORT, asset_deps=[CLEAN])
def report(rows):
    return rows


@flow(name="warehouse")
def warehouse():
    return report(clean())


@flow(name="partner-sync")
def partner_sync(attempt: int = 0):
    if attempt:
        raise ConnectionError(f"partner.example refused call {attempt} of the day")


step = sys.argv[1]
if step == "assets":
    warehouse()
elif step == "fail":
    partner_sync(int(sys.argv[2]), return_state=True)
else:
    partner_sync()
