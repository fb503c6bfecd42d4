"""The client before the proxy under test: it reads responses strictly, and keeps what came of those that broke off."""

import dataclasses
import re

from harness import wire
from harness.wire import Closed

from . import strict

STATUS_LINE = re.compile(rb"(HTTP/1\.[01]) ([1-5][0-9]{2}) ([\t -~\x80-\xff]*)")


@dataclasses.dataclass(kw_only=True)
class Answer(strict.Message):
    """One response as the client saw it."""

    version: str = ""
    status: int = 0
    reason: str = ""
    interim: list = dataclasses.field(default_factory=list)  # Answers that came before this final one.
    until_close: bool = False  # Its body ended with the connection.

    @property
    def bodyless(self):
        return self.status < 200 or self.status in (204, 304)


def parse(head):
    """A head as it stands, with everything that is wrong about it. Raises ValueError where there is no status line."""
    answer = Answer(head=head)
    first, *lines = head[:-4].split(b"\r\n")
    match = STATUS_LINE.fullmatch(first)
    if not match:
        raise ValueError(f"status line {first!r}")
    answer.version, answer.reason = match[1].decode(), match[3].decode("latin-1")
    answer.status = int(match[2])
    answer.read_fields(lines)
    answer.check_framing(answer.version)
    if (answer.status < 200 or answer.status == 204) and answer.framing != "none":  # RFC 9110, 8.6; RFC 9112, 6.1.
        answer.faults.append(f"{answer.status} with framing by {answer.framing}")
    if "proxy-connection" in answer.fields:
        answer.faults.append("proxy-connection was forwarded")
    if "upgrade" in answer.fields and "upgrade" not in answer.options:
        answer.faults.append("upgrade without Connection: upgrade")
    return answer


class Client(strict.Reader):
    """A connection to the proxy."""

    broken = None  # The response that broke off, as far as it came.

    def read_answer(self, method):
        """Reads one final response to that method, or 101. Raises Closed if it is cut off, ValueError if it is not
        HTTP/1.1."""
        interim = []
        while True:
            head = self.head()
            if head is None:
                raise Closed("eof")
            answer = parse(head)
            if answer.status >= 200 or answer.status == 101:
                break
            interim.append(answer)
        answer.interim = interim
        if answer.unreadable:
            raise ValueError("; ".join(answer.faults))
        self.broken = answer
        self._read_body(answer, method)
        self.broken = None
        return answer

    def _read_body(self, answer, method):
        if method == "HEAD" or answer.bodyless:
            answer.complete = True
        elif answer.framing != "none":
            self.read_framed(answer)
        else:
            answer.until_close = True
            answer.body = answer.raw_body = self.to_end()
            answer.complete = True


def connect(address, timeout):
    return Client(wire.connect(address, timeout=timeout).sock, timeout)
