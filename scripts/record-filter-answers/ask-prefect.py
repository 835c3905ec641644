"""Answers of Prefect's own SQL to event filters: reads {events, filters} on stdin, writes a list of id lists to stdout."""

import asyncio
import json
import os
import sys
import tempfile

folder = tempfile.TemporaryDirectory()
os.environ["PREFECT_API_DATABASE_CONNECTION_URL"] = f"sqlite+aiosqlite:///{folder.name}/events.db"

import sqlalchemy as sa  # noqa: E402
from prefect.server.database import provide_database_interface  # noqa: E402
from prefect.server.events.filters import EventFilter  # noqa: E402
from prefect.server.events.schemas.events import ReceivedEvent  # noqa: E402
from prefect.server.events.storage.database import write_events  # noqa: E402
from sqlalchemy.engine import Engine  # noqa: E402


@sa.event.listens_for(Engine, "connect")
def add_concat(connection, _record):
    """SQLite before 3.44 lacks the function that Prefect's text filter needs."""
    connection.create_function("concat", -1, lambda *parts: "".join("" if p is None else str(p) for p in parts))


async def main():
    given = json.load(sys.stdin)
    db = provide_database_interface()
    await db.create_db()
    events = [ReceivedEvent.model_validate(event) for event in given["events"]]
    async with db.session_context(begin_transaction=True) as session:
        for at in range(0, len(events), 10):
            await write_events(session, events[at : at + 10])
    answers = []
    async with db.session_context() as session:
        for body in given["filters"]:
            window = {"since": "2000-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}
            event_filter = EventFilter.model_validate({**body, "occurred": window})
            clauses = sa.and_(*event_filter.build_where_clauses())
            found = await session.execute(sa.select(db.Event.id).where(clauses))
            answers.append(sorted(str(one) for one in found.scalars().all()))
    json.dump(answers, sys.stdout)


asyncio.run(main())
