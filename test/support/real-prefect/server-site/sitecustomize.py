"""Loaded by the Python of a real Prefect server when it starts: collects garbage in a thread of its own.

Without it such a server stands still for a minute on a busy machine (Prefect 3.8.8, SQLAlchemy 2.0, aiosqlite 0.22):
1. Connection A waits for the write lock of SQLite in its thread. SQLite holds A's mutex meanwhile, for the busy timeout of 60 s, which
   Prefect sets in `setup_sqlite` (prefect/server/database/configurations.py).
2. Python collects garbage on the thread of the event loop and finds a cursor of A. Its finalizer calls sqlite3_reset, which waits for
   A's mutex, so the event loop stands still.
3. Connection B holds the write lock and needs the event loop to commit.
After 60 s A gives up with "database is locked", which the server answers with 503. In a thread of its own, only that thread waits.
"""

import gc
import threading
import time

gc.disable()


def collect():
    rounds = 0
    while True:
        time.sleep(1)
        rounds += 1
        # The oldest generation holds the modules and takes long.
        gc.collect(2 if rounds % 10 == 0 else 1)


threading.Thread(target=collect, daemon=True, name="garbage collection").start()
