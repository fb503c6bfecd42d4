"""The play of one row: a proxy, an origin behind it, a client, and a victim who comes after.

A play is: the row's steps; then responses are read; then, if the connection still lives, a probe is asked on it, whose
answer shows that nothing of the row was left behind; then a victim asks on a connection of its own, whose answer shows
that no connection to the origin was left poisoned. All that was seen is the evidence, which the row's checks judge.
"""

import contextlib
import dataclasses
import itertools

from harness import wire
from harness.wire import Closed

from . import client

MOST_RESPONSES = 64  # More than any row asks for: a proxy that never stops answering is stopped.


# --- Steps of a row besides bytes

def half_close(talk):
    """The client ends its sending direction and goes on reading."""
    talk.client.end()
    talk.half_closed = True


def hang_up(talk):
    """The client goes away altogether."""
    talk.client.close()
    talk.gone = True


def response(talk):
    """Reads one response, final or interim 101, before the next step."""
    talk.read_response()


def interim(talk):
    """Reads one interim response before the next step."""
    talk.interim.append(client.parse(talk.client.head()))


def arrives(data):
    """Waits until these bytes have come in a row, head or body; they are still read as what they are."""
    def step(talk):
        try:
            while data not in talk.client.buffer:
                assert talk.client.fill(), f"the connection ended before {data!r} came"
        except OSError as error:
            raise AssertionError(f"{data!r} has not come: {error!r}") from error
    return step


def exactly(data):
    """Reads this much of a tunnel, which must be these bytes."""
    def step(talk):
        try:
            have = talk.client.exactly(len(data))
        except (OSError, Closed) as error:
            raise AssertionError(f"of {data[:80]!r} only {bytes(talk.client.buffer[:80])!r} came: {error!r}") from error
        assert have == data, f"{have[:80]!r} in place of {data[:80]!r}"
    return step


def origin_says(data):
    """The origin sends this, asked or not, on the connection of the last request."""
    def step(talk):
        with contextlib.suppress(OSError):  # The proxy has closed it, which is its good right.
            talk.stage.origin.last().send(data)
    return step


def origin_gets(data):
    """Waits until the origin has these bytes of a tunnel before it, on the connection of the last request."""
    def step(talk):
        there = talk.stage.origin.wait(lambda _: data in talk.stage.origin.last().buffer, talk.stage.patience)
        assert there, f"{data!r} has not come to the origin"
    return step


def origin_ends(talk):
    """The origin closes the connection of the last request, and the proxy can know it."""
    _break_off(talk, reset=False)


def origin_resets(talk):
    """As origin_ends, with a reset."""
    _break_off(talk, reset=True)


def _break_off(talk, reset):
    connection = talk.stage.origin.last()
    connection.break_off(reset)
    assert talk.stage.origin.wait(lambda _: connection.ended, talk.stage.patience), "the origin does not close"


def origin_sees(heads=1, body=None):
    """Waits until the origin has seen that many heads, and of the last one's body that much."""
    def step(talk):
        def there(seen):
            return len(seen) >= heads and (body is None or len(seen[heads - 1].body) >= body)
        assert talk.stage.origin.wait(there, talk.stage.patience), f"the origin never saw {heads} requests"
    return step


@dataclasses.dataclass
class Evidence:
    """What a play has shown."""

    responses: list  # Final ones that the client got, in order, without the probe's.
    interim: list  # Interim responses that a step has read.
    end: str  # Of the client's connection: "open" (the probe was answered), "eof", "reset", "silent", "gone".
    broken: client.Answer  # The response that broke off after its head, as far as it came; else None.
    cut: bytes  # What came of a response that broke off; None if none did.
    tunnel: bytes  # What the client got behind a 101.
    requests: list  # recorder.Seen, without the probe and the victim.
    victim: str  # "" or what was wrong with the answer to the victim.
    victim_connection: int  # Which connection the victim's request came to the origin on; -1: none.
    origin: object
    patience: float
    peer: bool  # Not Lintel: details that the RFCs leave open are not asked for.

    def __str__(self):
        lines = [f"client saw: {[(r.status, r.fields.lines, r.body[:80]) for r in self.responses]}, then {self.end}"
                 + (f", cut off: {self.cut[:80]}" if self.cut is not None else "")]
        lines += [f"origin saw: {seen.head!r} + {seen.raw_body[:200]!r}{'' if seen.complete else ' (incomplete)'}"
                  + (f"; faults: {seen.faults}" if seen.faults else "") for seen in self.requests]
        if self.victim:
            lines.append(f"victim: {self.victim}")
        return "\n".join(lines)


class Talk:
    """The row's conversation on the client's side."""

    def __init__(self, stage, row):
        self.stage = stage
        self.client = stage.connect()
        self.methods = itertools.chain(row.methods or [first_method(row)], itertools.repeat("GET"))
        self.responses, self.interim = [], []
        self.end, self.cut, self.tunnel = "", None, b""
        self.half_closed = self.gone = False

    def play(self, steps):
        for step in steps:
            if callable(step):
                step(self)
            else:
                with contextlib.suppress(OSError):  # It was refused before all was sent; the answer is still read.
                    self.client.send(step)

    def read_response(self):
        """Reads a final response; False if none comes any more, and `end` says why."""
        try:
            self.responses.append(self.client.read_answer(next(self.methods)))
            return True
        except Closed as error:
            self.end = "garbled" if error.how == "broken" else error.how
            if self.client.broken:
                self.cut = self.client.broken.raw_body + bytes(self.client.buffer)
            elif error.partial or self.client.buffer:
                self.cut = error.partial or bytes(self.client.buffer)
        except TimeoutError:
            self.end = "silent"
        except ConnectionError:
            self.end = "reset"
        except (AssertionError, ValueError) as error:  # Not HTTP/1.1.
            self.end, self.cut = "garbled", str(error).encode() + bytes(self.client.buffer)
        return False

    def probe(self):
        """Asks once more; reads everything up to its answer, or to the end."""
        target = f"/probe/{next(self.stage.numbers)}"
        with contextlib.suppress(OSError):
            self.client.send(wire.request("GET", target))
        while len(self.responses) < MOST_RESPONSES and self.read_response():
            if self.responses[-1].body == target.encode():
                self.responses.pop()
                self.end = "open"
                return

    def read_tunnel(self):
        """Ends the client's side of a tunnel and reads what the other side has to say."""
        try:
            with contextlib.suppress(OSError):
                self.client.end()
            self.tunnel = self.client.to_end()
            self.end = "eof"
        except Closed as error:
            self.tunnel, self.end = error.partial, error.how
        except TimeoutError:
            self.end = "silent"

    def finish(self, probe):
        if self.gone:
            self.end = "gone"
            return
        if not self.responses and not self.read_response():
            return
        last = self.responses[-1]
        if last.status == 101:
            self.read_tunnel()
            return
        closing = last.until_close or "close" in last.options
        if probe and not self.half_closed and not closing:
            self.probe()
            return
        while len(self.responses) < MOST_RESPONSES and self.read_response():
            pass


def first_method(row):
    first = next((step for step in row.send if not callable(step)), b"")
    return first.lstrip(b"\r\n").split(b" ", 1)[0].decode("latin-1")


class Stage:
    """A proxy in one configuration and the origin behind it."""

    numbers = itertools.count()

    def __init__(self, proxy, origin, patience):
        """`proxy` has an `address` and a `stop()`. `patience`: seconds for whatever should happen at once."""
        self.proxy = proxy
        self.origin = origin
        self.patience = patience

    def connect(self):
        return client.connect(self.proxy.address, self.patience)

    def run(self, row):
        self.origin.begin(row.origin)
        talk = Talk(self, row)
        with talk.client:
            talk.play(row.send)
            talk.finish(row.probe)
        victim, connection = self._ask_as_victim()
        if victim:
            self.origin.hang_up()
        return Evidence(talk.responses, talk.interim, talk.end, talk.client.broken, talk.cut, talk.tunnel,
                        self.origin.seen(), victim, connection, self.origin, self.patience, self.proxy.is_peer)

    def _ask_as_victim(self):
        target = f"/victim/{next(self.numbers)}"
        try:
            with self.connect() as victim:
                victim.send(wire.request("GET", target))
                got = victim.read_answer("GET")
        except (Closed, OSError, AssertionError, ValueError) as error:
            return f"no answer: {error!r}", -1
        wrong = "" if got.body == target.encode() else f"asked for {target} and got {got.status} {got.body[:80]}"
        return wrong, int(got.fields.get("x-connection", -1))

    def close(self):
        try:
            self.proxy.stop()
        finally:
            self.origin.close()
