"""What tools/bench measures: one row per workload, with the target that Lintel is to meet.

`target` is the greatest allowed ratio of Lintel's CPU time per request to that of the better of haproxy and nginx. For
idle connections it is KiB of resident memory each. Rounds are short, 100 to 500 ms, and many: on a shared machine the
speed of a core changes from one second to the next, and proxies that take turns faster than that meet the same core.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Workload:
    name: str
    help: str
    target: float
    requests: int  # per round and proxy
    load: tuple  # arguments of the load generator
    variant: str = "plain"  # of the proxies' configuration

    @property
    def idle(self):
        return self.name.startswith("idle")

    @property
    def connections(self):
        return int(self.load[self.load.index("--connections") + 1])


SMALL = ("--path", "/128", "--length", "128")

WORKLOADS = [
    Workload("small-64", "128 B answers, 64 keep-alive connections", 0.88, 10000, (*SMALL, "--connections", "64")),
    Workload("small-1000", "128 B answers, 1,000 keep-alive connections", 0.70, 10000, (*SMALL, "--connections", "1000")),
    Workload("16k", "16 KiB answers, 64 connections", 0.95, 5000,
             ("--path", "/16k", "--length", "16384", "--connections", "64")),
    Workload("1m", "1 MiB answers, 64 connections", 0.95, 300,
             ("--path", "/1m", "--length", "1048576", "--connections", "64"), "bulk"),
    Workload("post-16k", "16 KiB POST, 64 connections", 0.95, 5000,
             ("--path", "/post", "--body", "16384", "--connections", "64")),
    Workload("new-connection", "a connection per request, 64 at a time", 0.95, 4000,
             (*SMALL, "--connections", "64", "--fresh")),
    Workload("routes-1000", "128 B answers, 64 connections, 1,000 host and path routes", 0.85, 10000,
             (*SMALL, "--connections", "64", "--routes", "1000"), "routes-1000"),
    Workload("routes-10000", "128 B answers, 64 connections, 10,000 host and path routes", 0.85, 10000,
             (*SMALL, "--connections", "64", "--routes", "10000"), "routes-10000"),
    Workload("access-log", "128 B answers, 64 connections, access log on", 0.95, 10000,
             (*SMALL, "--connections", "64"), "access-log"),
    Workload("tcp-small", "128 B there and back over TCP, 64 connections", 0.95, 10000,
             (*SMALL, "--connections", "64"), "tcp"),
    Workload("tcp-bulk", "16 MiB at a time over TCP, 16 connections", 0.65, 64,
             ("--path", "/16m", "--length", str(16 << 20), "--connections", "16"), "tcp"),
    Workload("tcp-connect", "a TCP connection per 128 B, 64 at a time", 0.95, 4000,
             (*SMALL, "--connections", "64", "--fresh"), "tcp"),
    Workload("tls-small", "TLS: 128 B answers, 64 keep-alive connections", 0.95, 7000,
             (*SMALL, "--connections", "64", "--tls"), "tls"),
    Workload("tls-1m", "TLS: 1 MiB answers, 64 connections", 0.95, 200,
             ("--path", "/1m", "--length", "1048576", "--connections", "64", "--tls"), "tls"),
    Workload("tls-full", "TLS: a full handshake (ECDSA P-256) and a request, 64 at a time", 0.95, 600,
             (*SMALL, "--connections", "64", "--tls", "--fresh"), "tls"),
    Workload("tls-resumed", "TLS: a resumed handshake and a request, 64 at a time", 0.95, 1000,
             (*SMALL, "--connections", "64", "--tls", "--fresh", "--resume"), "tls"),
    Workload("idle-tls-5000", "5,000 idle TLS connections, one request each", 15.0, 0,
             (*SMALL, "--connections", "5000", "--tls"), "tls"),
    Workload("idle-5000", "5,000 idle keep-alive connections, one request each", 1.0, 0, (*SMALL, "--connections", "5000")),
]
