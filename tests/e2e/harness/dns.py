"""A name server whose every answer the test decides, and changes while it runs; over UDP and TCP."""

import ipaddress
import socket
import struct
import threading

from .environment import free_port

A, AAAA, SRV, CNAME = 1, 28, 33, 5
NXDOMAIN, SERVFAIL = 3, 2
GARBAGE = "garbage"


def _name(text):
    labels = [label for label in text.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


def srv(target, port, weight=1, priority=0):
    """The data of an SRV record."""
    return SRV, struct.pack("!HHH", priority, weight, port) + _name(target)


def cname(target):
    return CNAME, _name(target)


def _data(record):
    if isinstance(record, tuple):
        return record
    address = ipaddress.ip_address(record)
    return (A if address.version == 4 else AAAA), address.packed


class NameServer:
    """Serves `zone`: names to lists of records (addresses, srv(), cname()), to a response code, to GARBAGE, to None for
    no answer at all, or to a function that is given the type that is asked for and returns one of these. `ttl` is of all
    records. `stop()` and `start()` at will: the port stays."""

    UDP_LIMIT = 512

    def __init__(self, zone, ttl=1):
        self.zone = dict(zone)
        self.ttl = ttl
        self.port = free_port()
        self.asked = []
        self.truncated = 0
        self.over_tcp = 0
        self._sockets = []
        self._threads = []
        self.start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def resolver(self):
        """What a configuration says to ask it."""
        return {"servers": [self.address], "timeout": "300ms", "attempts": 2, "min_ttl": "100ms", "retry": "100ms",
                "max_retry": "200ms", "family": "any"}

    def start(self):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", self.port))
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tcp.bind(("127.0.0.1", self.port))
        tcp.listen()
        self._sockets = [udp, tcp]
        self._threads = [threading.Thread(target=self._serve_udp, args=[udp]),
                         threading.Thread(target=self._serve_tcp, args=[tcp])]
        for thread in self._threads:
            thread.start()

    def stop(self):
        for each in self._sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self._threads:
            thread.join(5)
        for each in self._sockets:
            each.close()
        self._sockets, self._threads = [], []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _serve_udp(self, udp):
        while True:
            try:
                query, client = udp.recvfrom(4096)
                if not query:
                    return
                answer = self._answer(query, self.UDP_LIMIT)
                if answer:
                    udp.sendto(answer, client)
            except OSError:
                return

    def _serve_tcp(self, tcp):
        while True:
            try:
                client, _ = tcp.accept()
            except OSError:
                return
            with client, client.makefile("rb") as file:
                client.settimeout(5)
                while size := file.read(2):
                    self.over_tcp += 1
                    answer = self._answer(file.read(struct.unpack("!H", size)[0]), 65535)
                    if answer is None:
                        break
                    client.sendall(struct.pack("!H", len(answer)) + answer)

    def _answer(self, query, limit):
        number, = struct.unpack("!H", query[:2])
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        name = ".".join(labels).lower()
        kind, = struct.unpack("!H", query[at + 1:at + 3])
        question = query[12:at + 5]
        self.asked.append((name, kind))
        records = self.zone.get(name, NXDOMAIN)
        if callable(records):
            records = records(kind)
        if records is None:
            return None
        if records == GARBAGE:
            return query[:2] + b"\xc0" * 60
        code = records if isinstance(records, int) else 0
        answers = b""
        count = 0
        for record in [] if code else records:
            type_, data = _data(record)
            if type_ not in (kind, CNAME):
                continue
            count += 1
            answers += b"\xc0\x0c" + struct.pack("!HHIH", type_, 1, self.ttl, len(data)) + data
            if type_ == CNAME:
                for other in self.zone.get(self._text(data), []):
                    type_, data = _data(other)
                    if type_ == kind:
                        count += 1
                        answers += _name(self._text(_data(record)[1])) + struct.pack("!HHIH", type_, 1, self.ttl,
                                                                                     len(data)) + data
        flags = 0x8580 | code
        message = struct.pack("!HHHHHH", number, flags, 1, count, 0, 0) + question + answers
        if len(message) <= limit:
            return message
        self.truncated += 1
        return struct.pack("!HHHHHH", number, flags | 0x0200, 1, 0, 0, 0) + question

    @staticmethod
    def _text(name):
        labels, at = [], 0
        while name[at]:
            labels.append(name[at + 1:at + 1 + name[at]].decode())
            at += 1 + name[at]
        return ".".join(labels)
