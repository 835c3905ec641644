"""The times of schedules by Prefect's own classes: cases as JSON on stdin, times as JSON on stdout. Needs no server."""

import asyncio
import datetime
import json
import sys
import warnings

warnings.filterwarnings("ignore")

from prefect.server.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule  # noqa: E402


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def text(time):
    return time.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


async def times(case):
    schedule = case["schedule"]
    kind = CronSchedule if "cron" in schedule else IntervalSchedule if "interval" in schedule else RRuleSchedule
    dates = await kind(**schedule).get_dates(n=case["limit"], start=moment(case["from"]), end=moment(case["to"]))
    return [text(date) for date in dates]


async def main():
    cases = json.load(sys.stdin)
    print(json.dumps({"minor": sys.version_info[1], "times": [await times(case) for case in cases]}))


asyncio.run(main())
