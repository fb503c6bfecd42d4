"""What a row may ask for. Each of these makes a check: a function of the evidence (see `stage`) that raises
AssertionError. Peers are judged by the same checks, without what the RFCs leave open (exact status, exact host)."""

import re

from .row import SMUGGLED

CLOSED = ("eof", "reset")
#: RFC 9110, 5.6.7, of this century.
DATE = re.compile("(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-3][0-9] (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) "
                  "20[0-9]{2} [0-2][0-9]:[0-5][0-9]:[0-6][0-9] GMT")


def rejected(status=400, count=1):
    """The request is refused with this status, the connection ends with the answer, the origin has seen nothing.
    `count`: which answer it is, where good requests go before it; those the origin has seen."""
    def check(e):
        statuses = [got.status for got in e.responses]
        assert len(statuses) == count, f"statuses {statuses} in place of {count} with {status} the last"
        got = e.responses[-1]
        assert got.status == status or (e.peer and got.status >= 400), f"status {got.status} in place of {status}"
        assert len(e.requests) == count - 1, "the origin has seen the refused request"
        if not e.peer:
            assert "close" in got.options, "the end of the connection is not announced"
            assert e.end in CLOSED, "the connection does not end"
    return check


def answered(*statuses):
    """The client gets these responses, in this order, and no others."""
    def check(e):
        have = [got.status for got in e.responses]
        assert have == list(statuses), f"statuses {have} in place of {list(statuses)}"
    return check


def failed(*statuses):
    """As answered, but which error of 500 and above a peer gives is its own to choose."""
    def check(e):
        have = [got.status for got in e.responses]
        alike = len(have) == len(statuses) and all(a == b or (e.peer and min(a, b) >= 500) for a, b in zip(have, statuses))
        assert alike, f"statuses {have} in place of {list(statuses)}"
    return check


def got(body=None, has=None, lacks=(), number=0, order=(), only=()):
    """The client's response has this body, these fields with these values (None: any), and not those. `order`: the lines
    with these names come in this order. `only`: the names of all its fields."""
    def check(e):
        assert len(e.responses) > number, "there is no such response"
        response = e.responses[number]
        assert body is None or response.body == body, f"body {response.body!r}"
        _check_fields(response.fields, has or {}, lacks)
        names = response.fields.names()
        assert [name for name in names if name in order] == list(order), f"fields {names}"
        assert not only or set(names) == set(only), f"fields {names}"
    return check


def own(method="GET", number=0):
    """The client's response is one that the proxy made: it has a date, tells its body's length, and says nothing of the
    program or of what stands behind it. How peers introduce themselves is theirs to choose."""
    def check(e):
        assert len(e.responses) > number, "there is no such response"
        response = e.responses[number]
        if response.status < 500 or not e.peer:  # RFC 9110, 6.6.1.
            _check_fields(response.fields, {"Date": DATE}, ())
        length = int(response.fields.get("content-length", -1))
        assert length == len(response.body) or e.peer or (method == "HEAD" and length > 0), f"length {length}"
        assert method != "HEAD" or e.cut is None, f"a body to HEAD: {e.cut!r}"
        if not e.peer:
            names = {"date", "content-type", "content-length", "connection", "allow"}
            assert set(response.fields.names()) <= names, f"fields {response.fields.names()}"
            assert not re.search(rb"(?i)lintel|127\.0\.0\.1", response.head + response.body), "it tells too much"
    return check


def hinted(has=None, lacks=(), number=0):
    """The client's interim response of that number has these fields and not those."""
    def check(e):
        answers = interim_answers(e)
        assert len(answers) > number, "there is no such interim response"
        _check_fields(answers[number].fields, has or {}, lacks)
    return check


def order(*targets):
    """The origin has seen these targets and no others, and the client got their answers, all in this order."""
    def check(e):
        have = [seen.target for seen in e.requests]
        assert have == list(targets), f"the origin has seen {have}"
        bodies = [response.body.decode().split(" ")[-1] for response in e.responses]
        assert bodies == list(targets), f"the client has got answers to {bodies}"
    return check


def interims(*statuses):
    """The client gets these interim responses before its final ones, and no others."""
    def check(e):
        have = [answer.status for answer in interim_answers(e)]
        assert have == list(statuses), f"interim {have} in place of {list(statuses)}"
    return check


def said(phrase=None, status=None, number=0):
    """The client's response is of HTTP/1.1 and has this reason phrase; peers may have a phrase of their own for the
    status, which stays."""
    def check(e):
        assert len(e.responses) > number, "there is no such response"
        response = e.responses[number]
        assert response.version == "HTTP/1.1", f"version {response.version}"
        assert status in (None, response.status), f"status {response.status}"
        assert phrase in (None, response.reason) or e.peer, f"reason phrase {response.reason!r}"
    return check


def forwarded(request_line=None, body=None, framing=None, number=0, count=1, has=None, lacks=(), host=None):
    """The origin has seen `count` requests, and this is the one of that number: its request line
    ("GET / HTTP/1.1"), its body in full, whether that goes by "length", "chunked" or "none", fields with these values
    (None: any; a list: all lines of that name), and without those. Host must be exactly `host`."""
    def check(e):
        assert len(e.requests) == count, f"the origin has seen {len(e.requests)} requests in place of {count}"
        seen = e.requests[number]
        line = f"{seen.method} {seen.target} {seen.version}"
        assert request_line in (None, line), f"request line {line!r}"
        assert seen.complete, "the request is not complete"
        assert body is None or seen.body == body, f"body {seen.body[:200]!r}"
        assert framing in (None, seen.framing) or e.peer, f"framing by {seen.framing}"
        assert host is None or seen.fields.all("host") == [host], f"Host {seen.fields.all('host')}"
        _check_fields(seen.fields, has or {}, lacks)
    return check


def _check_fields(fields, has, lacks):
    for name, value in has.items():
        values = fields.all(name)
        if isinstance(value, list):
            assert values == value, f"{name}: {values} in place of {value}"
        elif isinstance(value, re.Pattern):
            assert len(values) == 1 and value.fullmatch(values[0]), f"{name}: {values} is not {value.pattern}"
        else:
            assert values and value in (None, *values), f"{name}: {values} in place of {value!r}"
    for name in lacks:
        assert name not in fields, f"{name} has come through: {fields.all(name)}"


def trailers(has=None, lacks=(), number=0):
    """The request's trailers, as the origin saw them."""
    def check(e):
        assert len(e.requests) > number, "the origin has seen no such request"
        _check_fields(e.requests[number].trailers, has or {}, lacks)
    return check


def tunnel(up, down):
    """After 101 the origin has got exactly the bytes `up` (None: is not asked), and the client `down`."""
    def check(e):
        assert e.responses and e.responses[-1].status == 101, "there is no tunnel"
        assert up is None or e.requests[0].body == up, f"the origin has got {e.requests[0].body[:80]!r}"
        whole = e.tunnel == down or (e.peer and down.startswith(e.tunnel))  # Peers may end both ways at once.
        assert whole and e.end == "eof", f"the client has got {e.tunnel[:80]!r}, then {e.end}"
    return check


def trailing(has=None, lacks=(), number=0):
    """The response's trailers, as the client saw them."""
    def check(e):
        assert len(e.responses) > number, "there is no such response"
        _check_fields(e.responses[number].trailers, has or {}, lacks)
    return check


def saw(count):
    """The origin has seen that many requests."""
    def check(e):
        assert len(e.requests) == count, f"the origin has seen {len(e.requests)} requests in place of {count}"
    return check


def never_complete(number=0):
    """That request has begun at the origin, and its connection has ended before it was complete: nobody may take it
    for a whole one."""
    def check(e):
        ended = e.origin.wait(lambda seen: len(seen) > number and seen[number].ended, e.patience)
        assert ended, "the connection to the origin does not end"
        assert not e.requests[number].complete, "the origin has taken the request for complete"
    return check


def never_complete_if_seen():
    """As never_complete, where the proxy may also have refused before it forwarded anything."""
    def check(e):
        if e.requests:
            never_complete()(e)
    return check


def stays():
    """The client's connection goes on: the next request on it was answered."""
    def check(e):
        assert e.end == "open", "the connection does not go on"
    return check


def ends():
    """The client's connection ends."""
    def check(e):
        assert e.end in CLOSED, "the connection does not end"
    return check


def silent_end():
    """The client's connection ends without a byte of an answer."""
    def check(e):
        assert not e.responses and e.cut is None and e.end in CLOSED, "there is an answer, or no end"
    return check


def readable():
    """Whatever the client got, it was HTTP/1.1 or the end of its connection."""
    def check(e):
        assert e.end not in ("silent", "garbled"), f"the client was left without an answer that it could read: {e.cut!r}"
    return check


def cut_off(has=b""):
    """The client can tell that its response is not complete; these bytes of it have come."""
    def check(e):
        assert e.cut is not None and e.end in CLOSED, "the response does not break off"
        assert has in e.cut, f"cut off: {e.cut!r}"
    return check


def bad_gateway(mended=None):
    """The origin's answer goes to nobody: 502, and its connection serves nobody else. `mended`: the body that a peer may
    pass on in clean framing, where the RFCs let a recipient make sense of the answer."""
    def check(e):
        if e.peer and not e.responses:
            assert e.end in CLOSED, f"the client cannot read what it was sent: {e.cut!r}"
            return
        statuses = [got.status for got in e.responses]
        if e.peer and mended is not None and statuses == [200]:
            assert e.responses[0].body == mended, f"the answer was read as {e.responses[0].body!r}"
            return
        assert statuses == [502] or (e.peer and len(statuses) == 1 and statuses[0] > 502), f"statuses {statuses}"
        if not e.peer:
            own_connection()(e)
            stays()(e)
    return check


def unfinished(has=b""):
    """What the origin began to answer and did not finish is not passed on as if it were whole: it breaks off, or there
    is a 502 in its place."""
    def check(e):
        if e.responses:
            assert [got.status for got in e.responses] == [502], "a broken answer was passed on as whole"
        else:
            cut_off(has)(e)
        if not e.peer:
            own_connection()(e)
    return check


def own_connection():
    """The connection that the request was forwarded on serves nobody else: the victim's was another."""
    def check(e):
        assert e.requests and e.victim_connection not in (-1, e.requests[-1].connection), "the connection is reused"
    return check


def same_connection():
    """The connection that the request was forwarded on serves the next client. Whether peers do so is theirs to choose."""
    def check(e):
        assert e.peer or e.requests and e.victim_connection == e.requests[-1].connection, "the connection is not reused"
    return check


def interim_answers(e):
    return e.interim + [one for answer in e.responses for one in answer.interim]


def trustworthy(e):
    """What the client was sent is in clean framing and was meant for it."""
    for answer in filter(None, [*e.responses, *interim_answers(e), e.broken]):
        assert not answer.faults, f"the client cannot trust what it was sent: {'; '.join(answer.faults)}"
        assert "x-smuggled" not in answer.fields, "the client was given a smuggled response"
    assert not e.victim, "the next client does not get its own answer"


def always(e):
    """What holds for every row, whatever else it asks for."""
    trustworthy(e)
    for seen in e.requests:
        assert not seen.faults, f"the origin cannot trust what it was sent: {'; '.join(seen.faults)}"
    smuggled = SMUGGLED.split(b" ")[1].decode()
    assert smuggled not in [seen.target for seen in e.requests], "a request was smuggled"
    readable()(e)


def safe(e):
    """What is asked of peers where the RFCs leave a choice: whatever they do, nobody is fooled. The origin has seen at
    most what was answered, and one more where the connection ended in place of the last answer."""
    trustworthy(e)
    for seen in e.requests:
        assert not seen.faults, f"the origin cannot trust what it was sent: {'; '.join(seen.faults)}"
    smuggled = SMUGGLED.split(b" ")[1].decode()
    assert smuggled not in [seen.target for seen in e.requests], "a request was smuggled"
    assert e.end != "garbled", f"the client cannot read what it was sent: {e.cut!r}"
    most = len(e.responses) + (e.end in CLOSED)
    assert len([seen for seen in e.requests if seen.complete]) <= most, "more was forwarded than answered"
