"""tools/siege: thousands of slow clients against Lintel, and what its other clients notice of it."""

import argparse
import http.client
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from main import LOAD_CORE, ROOT, Helper, build_helpers, say
from proxies import PROXY_CORE, free_port


def configuration(port, admin, origins, arguments, folder):
    return f"""
workers: 1
log: {{level: warn}}
access_log: {{path: {folder}/access.log}}
admin: {{bind: "127.0.0.1:{admin}"}}
listeners:
  - name: web
    bind: ["127.0.0.1:{port}"]
    timeouts: {{header: {arguments.grace}}}
    min_rates: {{grace: {arguments.grace}}}
    limits: {{requests_per_connection: 1000000000, connection_age: 24h}}
    routes: [{{match: {{host: slow.example}}, pool: slow}}, {{pool: good}}]
pools:
  good: {{servers: ["127.0.0.1:{origins[0]}"]}}
  slow: {{servers: ["127.0.0.1:{origins[1]}"]}}
"""


def at_once(pid):
    """Lets a process run whenever it can, as if on a machine of its own: what else runs here is not what is measured."""
    try:
        os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        pass  # Only root may; then the figures have that much more noise.


def whenever(pid):
    """Lets a process run when nobody else on its core wants to: what it costs is not what is measured."""
    os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))


def prepare_daemon():
    os.sched_setaffinity(0, {PROXY_CORE})
    at_once(0)


#: Bytes of a segment; with the loopback's 64 KiB the kernel would keep megabytes for each slow client.
ETHERNET = 1448


class Lintel:
    """The daemon under siege, and a thread that watches its memory and descriptors."""

    def __init__(self, program, origins, arguments, folder):
        self.port, self.admin = free_port(), free_port()
        file = Path(folder) / "lintel.yaml"
        file.write_text(configuration(self.port, self.admin, origins, arguments, folder), encoding="ascii")
        self.stderr = Path(folder) / "stderr"
        with open(self.stderr, "wb") as errors:
            self.process = subprocess.Popen([program, "run", "-c", str(file)], stdin=subprocess.DEVNULL, stderr=errors,
                                            preexec_fn=prepare_daemon)
        self.peak_rss = self.peak_files = 0
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch)
        deadline = time.monotonic() + 20
        while not self._ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                raise RuntimeError(f"lintel does not serve: {self.stderr.read_text()[-2000:]}")
            time.sleep(0.05)
        self._watcher.start()

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=20)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def _ready(self):
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    def rss(self):
        return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())[1]) * 1024

    def cpu_seconds(self):
        times = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")

    def files(self):
        folder = f"/proc/{self.process.pid}/fd"
        return os.stat(folder).st_size or len(os.listdir(folder))  # Linux tells the number by the size since 6.2.

    def _watch(self):
        # Seldom: listing thousands of descriptors holds up whoever shares the core, the good clients among them.
        while not self._over.wait(0.5):
            try:
                self.peak_rss = max(self.peak_rss, self.rss())
                self.peak_files = max(self.peak_files, self.files())
            except (OSError, TypeError):
                return  # It has ended.

    def limits(self):
        [listener] = json.loads(self.get("/v1/stats")[1])["listeners"]
        return {name: count for name, count in listener["limits_reached"].items() if count}

    def stop(self):
        """Ends it; its exit status."""
        self._over.set()
        self._watcher.join()
        self.process.terminate()
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Good:
    """Clients that send requests at a fixed rate, warm and waiting to begin."""

    def __init__(self, load, port, seconds, rate, connections):
        self.helper = Helper([load, "--port", port, "--connections", connections, "--requests", int(seconds * rate),
                              "--rate", rate, "--seconds", seconds + 60, "--length", 128])
        at_once(self.helper.process.pid)

    def measure(self):
        self.helper.go_on()

    def figures(self):
        return json.loads(self.helper.line())


def good_clients(load, lintel, origin, seconds, arguments):
    """The figures of good clients through Lintel, and of a few that ask the same origin directly at the same time: what
    grows there too is the machine's and the generators', not Lintel's."""
    through = Good(load, lintel, seconds, arguments.rate, 64)
    direct = Good(load, origin, seconds, arguments.rate / 5, 8)
    try:
        for one in (through, direct):
            one.helper.line()  # "ready"
        for one in (through, direct):
            one.measure()
        return through.figures(), direct.figures()
    finally:
        for one in (through, direct):
            one.helper.end()


def run(arguments, folder):
    helpers = build_helpers()
    # The slow clients have an origin of their own: what those of 16 MiB cost it must not hold up the good ones' answers.
    origins = [Helper([helpers / "origin", ETHERNET]) for _ in range(2)]
    at_once(origins[0].process.pid)
    whenever(origins[1].process.pid)
    ports = [int(origin.line()) for origin in origins]
    lintel = slow = status = None

    def good(seconds):
        return good_clients(helpers / "load", lintel.port, ports[0], seconds, arguments)

    try:
        lintel = Lintel(arguments.lintel, ports, arguments, folder)
        good(2)  # Warm-up.
        say(f"quiet: {arguments.quiet:g} s, {arguments.rate:g} requests/s")
        quiet, quiet_direct = good(arguments.quiet)
        rss_before = lintel.rss()
        slow = Helper([helpers / "slow", "--port", lintel.port, "--clients", arguments.clients, "--interval",
                       arguments.interval, "--ramp", arguments.ramp])
        say(f"{arguments.clients} slow clients gather")
        slow.line()
        say(f"siege: {arguments.seconds:g} s")
        busy = lintel.cpu_seconds()
        siege, siege_direct = good(arguments.seconds)
        busy = (lintel.cpu_seconds() - busy) / siege["seconds"]
        slow.go_on()
        held = json.loads(slow.line())
        limits = lintel.limits()
    finally:
        if slow:
            slow.end()
        if lintel:
            status = lintel.stop()
        for origin in origins:
            origin.end()
    if status != 0:
        raise RuntimeError(f"lintel ended with status {status}: {lintel.stderr.read_text()[-2000:]}")
    return {"quiet": quiet, "siege": siege, "quiet_direct": quiet_direct, "siege_direct": siege_direct, "slow": held,
            "limits": limits, "rss_before": rss_before, "rss_peak": lintel.peak_rss, "files_peak": lintel.peak_files,
            "busy": busy}


def ratio_of(result):
    """p99 under siege beside the quiet one, without what grew just as much for those who asked the origin directly."""
    grown = max(0, result["siege_direct"]["p99_us"] - result["quiet_direct"]["p99_us"])
    return (result["siege"]["p99_us"] - grown) / result["quiet"]["p99_us"]


def judge(result, arguments):
    """What is not as it must be."""
    wrong = []
    for when in ("quiet", "siege", "quiet_direct", "siege_direct"):
        if result[when]["errors"]:
            wrong.append(f"{result[when]['errors']} requests failed ({when}), first: {result[when]['first_error']}")
    ratio = ratio_of(result)
    if arguments.most_ratio and ratio > arguments.most_ratio:
        wrong.append(f"p99 is {ratio:.2f} times its quiet value, more than {arguments.most_ratio:g}")
    if result["slow"]["held"] < 0.8 * arguments.clients:
        wrong.append(f"only {result['slow']['held']} slow clients were there at a time")
    each = (result["rss_peak"] - result["rss_before"]) / arguments.clients
    if each > arguments.most_memory * 1024:
        wrong.append(f"{each / 1024:.1f} KiB of memory per slow client, more than {arguments.most_memory:g}")
    return wrong


def report(result):
    yield "| good clients | requests | failed | p50 | p99 | longest |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for when, name in (("quiet", "quiet"), ("siege", "under siege"), ("quiet_direct", "quiet, without Lintel"),
                       ("siege_direct", "under siege, without Lintel")):
        row = result[when]
        yield (f"| {name} | {row['completed']} | {row['errors']} | {row['p50_us'] / 1000:.2f} ms "
               f"| {row['p99_us'] / 1000:.2f} ms | {row['max_us'] / 1000:.1f} ms |")
    yield ""
    yield "| slow clients | opened | dropped | longest life |"
    yield "| --- | ---: | ---: | ---: |"
    for kind in ("heads", "bodies", "responses"):
        row = result["slow"][kind]
        yield f"| {kind} | {row['opened']} | {row['dropped']} | {row['longest_s']:.1f} s |"
    yield ""
    yield f"Slow clients connected at a time: {result['slow']['held']:.0f}."
    yield (f"p99 under siege is {result['siege']['p99_us'] / result['quiet']['p99_us']:.2f} times the quiet one; "
           f"{ratio_of(result):.2f} without what grew without Lintel too.")
    yield f"Lintel used {100 * result['busy']:.0f}% of its core."
    yield (f"Memory {result['rss_before'] / 2**20:.0f} MiB before, {result['rss_peak'] / 2**20:.0f} MiB at most; "
           f"{result['files_peak']} open files at most.")
    yield "Limits reached: " + ", ".join(f"{name} {count}" for name, count in result["limits"].items()) + "."


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="tools/siege", description="Measures good clients alone and then beside many slow ones, a third of which "
        "trickle heads, a third bodies, and a third take large responses a byte at a time; who is dropped comes back. "
        "Exit status 1 if a good client loses a request, or p99 or memory pass their bounds.")
    parser.add_argument("--clients", type=int, default=10000, help="slow clients (10000)")
    parser.add_argument("--seconds", type=float, default=60, help="how long they are held (60)")
    parser.add_argument("--quiet", type=float, default=10, help="seconds without them (10)")
    parser.add_argument("--rate", type=float, default=500, help="requests per second of good clients (500)")
    parser.add_argument("--interval", type=int, default=1000, help="ms between two bytes of a slow client (1000)")
    parser.add_argument("--ramp", type=int, default=10000, help="ms over which they first come (10000)")
    parser.add_argument("--grace", default="10s", help="min_rates.grace and timeouts.header (10s)")
    parser.add_argument("--most-ratio", type=float, default=2, help="bound for p99 beside the quiet p99; 0: none (2)")
    parser.add_argument("--most-memory", type=float, default=64, help="bound for KiB of memory per slow client (64)")
    parser.add_argument("--lintel", metavar="PATH", default=str(ROOT / "build" / "release" / "lintel"))
    parser.add_argument("--json", metavar="FILE", help="also write the figures there")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    if os.cpu_count() > 1:
        os.sched_setaffinity(0, {LOAD_CORE})
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    needed = arguments.clients * 5 // 3 + 1000  # Two thirds of them have a connection to the origin.
    if hard < needed:
        sys.exit(f"tools/siege: {arguments.clients} slow clients need a limit of {needed} open files, and it is {hard}")
    with tempfile.TemporaryDirectory(prefix="lintel-siege-") as folder:
        try:
            result = run(arguments, folder)
        except RuntimeError as error:
            sys.exit(f"tools/siege: {error}")
    print("\n".join(report(result)))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(result, indent=1), encoding="utf-8")
    wrong = judge(result, arguments)
    for each in wrong:
        print(f"tools/siege: {each}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
