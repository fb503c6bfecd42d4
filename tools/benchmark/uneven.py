"""Latency with servers of uneven speed, for each balancer: four real servers, one of which takes ten times as long, each
serving one request at a time, and requests that come at random moments whatever happened to the ones before."""

import argparse
import asyncio
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BALANCERS = ("round-robin", "random", "two-choices", "least-conn", "peak-ewma")
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"
REQUEST = b"GET / HTTP/1.1\r\nHost: uneven.test\r\n\r\n"
SERVICE = (0.005, 0.005, 0.005, 0.050)


async def serve_at(seconds):
    """A server; returns it and its port."""
    turn = asyncio.Lock()

    async def serve(reader, writer):
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                async with turn:
                    await asyncio.sleep(seconds)
                writer.write(ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


class Clients:
    """Requests over connections that are kept, as many as are needed at a time."""

    def __init__(self, port):
        self._port = port
        self._idle = []
        self.latencies = []
        self.failures = 0

    async def ask(self, due):
        try:
            reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
            writer.write(REQUEST)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(3)
        except (asyncio.IncompleteReadError, OSError, ValueError):
            self.failures += 1
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self.failures += 1
        self.latencies.append(time.monotonic() - due)
        self._idle.append((reader, writer))

    async def run(self, rate, seconds, seed):
        """Poisson arrivals; a request's latency counts from the moment at which it was due."""
        moments = random.Random(seed)
        begun = due = time.monotonic()
        asked = []
        while due < begun + seconds:
            await asyncio.sleep(max(0, due - time.monotonic()))
            asked.append(asyncio.create_task(self.ask(due)))
            due += moments.expovariate(rate)
        await asyncio.gather(*asked)
        for _, writer in self._idle:
            writer.close()


def start_proxy(program, folder, balance, ports):
    """Lintel in front of the servers; returns its process and its port."""
    import socket
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    servers = ", ".join(f'"127.0.0.1:{each}"' for each in ports)
    file = Path(folder) / f"{balance}.yaml"
    file.write_text(f"""\
workers: 2
access_log: {{enabled: false}}
listeners: [{{name: web, bind: "127.0.0.1:{port}", pool: uneven}}]
pools: {{uneven: {{balance: {balance}, servers: [{servers}]}}}}
""")
    process = subprocess.Popen([program, "run", "-c", file], stderr=subprocess.DEVNULL)
    end = time.monotonic() + 10
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process, port
        if time.monotonic() > end or process.poll() is not None:
            raise RuntimeError("lintel did not start")
        time.sleep(0.02)


def percentile(values, percent):
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)] * 1000


async def main(options):
    servers = [await serve_at(seconds) for seconds in SERVICE]
    p99 = {}
    print(f"{options.rate} requests/s for {options.seconds} s; servers that take "
          f"{', '.join('%g ms' % (each * 1000) for each in SERVICE)}, one request at a time.\n")
    print("| balance | requests | failed | p50 | p90 | p99 |\n| --- | ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        for balance in BALANCERS:
            process, port = start_proxy(options.lintel, folder, balance, [port for _, port in servers])
            try:
                clients = Clients(port)
                await clients.run(options.rate, options.seconds, 1)
            finally:
                process.terminate()
                process.wait()
            got = clients.latencies
            p99[balance] = percentile(got, 99)
            print(f"| {balance} | {len(got)} | {clients.failures} | {percentile(got, 50):.1f} ms | "
                  f"{percentile(got, 90):.1f} ms | {p99[balance]:.1f} ms |", flush=True)
    ratio = p99["round-robin"] / p99["least-conn"]
    print(f"\nround-robin's p99 is {ratio:.1f} times least-conn's; it must be at least twice.")
    return 0 if ratio >= 2 else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lintel", default=ROOT / "build" / "release" / "lintel")
    parser.add_argument("--rate", type=int, default=100, help="requests per second (default: 100)")
    parser.add_argument("--seconds", type=int, default=15, help="for each balancer (default: 15)")
    sys.exit(asyncio.run(main(parser.parse_args())))
