"""What Prefect's server does on SQLite when a cursor is garbage: run by a test, in a process of its own.

Prints which thread has collected it. Without `collect_in_thread` it is the event loop's, and the second connection
fails: "database is locked".
"""

import asyncio
import sys
import threading
from queue import SimpleQueue

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from counterpoint.garbage import collect_in_thread

ENOUGH = 2000  # objects, so that garbage is collected
COLLECTED: SimpleQueue[str] = SimpleQueue()


class Garbage:
    """Refers to itself, and tells who collects it."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        COLLECTED.put(threading.current_thread().name)


def set_up(connection: sa.engine.interfaces.DBAPIConnection, _: object) -> None:
    """Transactions are begun by hand, and wait for each other for ten seconds, as Prefect's for 60."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA busy_timeout = 10000")
    cursor.close()


async def fail(connection: AsyncConnection) -> None:
    """Leaves a cursor as garbage."""
    try:
        await connection.exec_driver_sql("INSERT INTO events VALUES (1)")
    except sa.exc.IntegrityError:
        await connection.rollback()
    Garbage()


async def main(place: str) -> None:
    """One connection writes while the other one, whose cursor is garbage, waits for it."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{place}")
    sa.event.listen(engine.sync_engine, "connect", set_up)
    async with engine.connect() as first, engine.connect() as second:
        await first.exec_driver_sql("CREATE TABLE events (id INTEGER UNIQUE)")
        await first.exec_driver_sql("INSERT INTO events VALUES (1)")
        await fail(second)
        await first.exec_driver_sql("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(second.exec_driver_sql("INSERT INTO events VALUES (2)"))
        await asyncio.sleep(0.2)
        kept = [[number] for number in range(ENOUGH)]
        by = await asyncio.to_thread(COLLECTED.get)
        await first.exec_driver_sql("COMMIT")
        await waiting
    await engine.dispose()
    sys.stdout.write(f"{by} of {len(kept)}")


collect_in_thread()
asyncio.run(main(sys.argv[1]))
