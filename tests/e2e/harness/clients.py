"""Load: clients that ask over and over while a test does something to the servers."""

import collections
import concurrent.futures
import contextlib
import threading
import time

from . import wire
from .environment import eventually


class Clients:
    """Asks over and over, on `count` connections, until the block ends: `target` by GET, or what `message()` gives
    each time. Counts the answers, also as they come; `slowest` is the longest wait for one, in seconds."""

    def __init__(self, lintel, count=4, target="/", message=None):
        self.lintel, self.count = lintel, count
        self.message = message or (lambda: wire.request("GET", target))
        self.statuses = collections.Counter()
        self.bodies = collections.Counter()
        self.slowest = 0
        self._stop = threading.Event()
        self._pool = concurrent.futures.ThreadPoolExecutor(count)

    def _run(self):
        while not self._stop.is_set():
            with contextlib.suppress(OSError, wire.Closed), self.lintel.connect() as client:
                while not self._stop.is_set():
                    begun = time.monotonic()
                    try:
                        answer = client.ask(self.message())
                    except (OSError, wire.Closed):
                        self.statuses["cut"] += 1
                        break
                    self.slowest = max(self.slowest, time.monotonic() - begun)
                    self.statuses[answer.status] += 1
                    self.bodies[answer.body] += 1
                    if answer.headers.get("connection") == "close":  # As after requests_per_connection.
                        break

    def more(self, count):
        """Waits until there are so many more answers; returns what they were."""
        before = self.statuses.copy()
        eventually(lambda: self.statuses.total() >= before.total() + count, f"{count} more answers")
        return self.statuses - before

    def __enter__(self):
        self._runs = [self._pool.submit(self._run) for _ in range(self.count)]
        return self

    def __exit__(self, *_):
        self._stop.set()
        for run in self._runs:
            run.result(60)
        self._pool.shutdown()
