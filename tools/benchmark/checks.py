"""Asks each proxy for every kind of answer before anything is timed, and compares with the origin's own."""

import hashlib
import http.client

from proxies import route_count

SIZES = {"/128": 128, "/16k": 16384, "/1m": 1 << 20}


def ask(connection, method, path, host, body=None):
    connection.request(method, path, body=body, headers={"Host": host})
    answer = connection.getresponse()
    return answer, answer.read()


def check_answers(proxy, origin_port, variant):
    """Raises AssertionError with what is wrong. One keep-alive connection must carry all of it."""
    direct = http.client.HTTPConnection("127.0.0.1", origin_port, timeout=10)
    through = proxy.connection(10)

    def expect(what, value, wanted):
        assert value == wanted, f"{proxy.name}: {what}: expected {wanted!r}, got {value!r}"

    count = route_count(variant)
    routes = [0, count // 2, count - 1] if count else [0]
    socket_used = None
    for route in routes:
        host, prefix = f"h{route}.bench", f"/app{route}"
        for path, size in SIZES.items():
            _, original = ask(direct, "GET", path, "direct")
            answer, body = ask(through, "GET", prefix + path, host)
            expect(f"status of {path}", answer.status, 200)
            expect(f"length of {path}", (answer.getheader("Content-Length"), len(body)), (str(size), size))
            expect(f"checksum of {path}", hashlib.sha256(body).digest(), hashlib.sha256(original).digest())
            socket_used = socket_used or through.sock
            expect("connection kept alive", through.sock is socket_used and through.sock is not None, True)
        upload = bytes(i * 7 % 251 for i in range(16384))
        answer, _ = ask(through, "POST", prefix + "/post", host, upload)
        expect("status of POST", answer.status, 200)
        expect("sum of the POSTed body", answer.getheader("X-Body-Sum"), str(sum(upload)))
        answer, seen = ask(through, "GET", prefix + "/echo", host)
        head = http.client.parse_headers(_Lines(seen))
        if variant == "tcp":
            expect("the head at the origin", (head["X-Forwarded-For"], head["Via"]), (None, None))
            continue
        expect("X-Forwarded-For at the origin", head["X-Forwarded-For"], "127.0.0.1")
        expect("Host at the origin", head["Host"], host)
        expect("path at the origin", seen.split(b" ", 2)[1].decode(), prefix + "/echo")
    if count:
        answer, _ = ask(through, "GET", "/app1/128", "h2.bench")
        assert answer.status >= 400, f"{proxy.name}: a request that matches no route was served"
    direct.close()
    through.close()


class _Lines:
    """What http.client.parse_headers reads from, after the request line."""

    def __init__(self, head):
        self._lines = head.split(b"\r\n")[1:]

    def readline(self, _limit):
        return self._lines.pop(0) + b"\r\n" if self._lines else b"\r\n"
