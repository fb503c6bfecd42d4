"""tools/bench: compares Lintel with haproxy and nginx on this machine, interleaved, and prints Markdown tables."""

import argparse
import datetime
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import checks
import proxies
from workloads import WORKLOADS

ROOT = Path(__file__).resolve().parents[2]
LOAD_CORE = 1
PEERS = ("haproxy", "nginx")
PROGRAMS = {"haproxy": "/usr/sbin/haproxy", "nginx": "/usr/sbin/nginx"}
NOISE = 0.07
ROUNDS, QUICK_ROUNDS = 41, 9
IDLE_ROUNDS = 5  # of workloads that start a process for each


def say(text):
    print(text, file=sys.stderr, flush=True)


def build_helpers():
    """Compiles the origin and the clients where they are older than their sources; returns their folder."""
    folder = ROOT / "build" / "benchmark"
    folder.mkdir(parents=True, exist_ok=True)
    for name, libraries in (("origin", []), ("load", ["-lssl", "-lcrypto"]), ("slow", [])):
        source, program = Path(__file__).parent / f"{name}.cc", folder / name
        changed = max(file.stat().st_mtime for file in source.parent.glob(f"{name}*"))
        if not program.exists() or program.stat().st_mtime < changed:
            subprocess.run(["g++", "-std=c++20", "-O3", "-o", program, source, *libraries], check=True)
    return folder


class Helper:
    """A helper program on the load core, with a line-by-line conversation."""

    def __init__(self, command):
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {LOAD_CORE}),
        )

    def line(self):
        text = self.process.stdout.readline()
        if not text:
            raise RuntimeError(f"{self.process.args[0]} ended without an answer, status {self.process.wait()}")
        return text.strip()

    def go_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def run_load(load, workload, proxy, requests):
    """One round: the figures of one proxy under one workload."""
    before_rss = proxy.rss_kib()
    helper = Helper([load, "--port", proxy.port, "--requests", requests, *workload.load])
    try:
        helper.line()  # "ready": connections are open and warm
        before = proxy.cpu_ns()
        helper.go_on()
        result = json.loads(helper.line())
        cpu = proxy.cpu_ns() - before
        rss = proxy.rss_kib()
    finally:
        helper.end()
    if result["errors"]:
        raise RuntimeError(f"{proxy.name}, {workload.name}: {result['errors']} errors, first: {result['first_error']}")
    figures = {"rss_kib": rss, "rss_grown_kib": rss - before_rss}
    if requests:
        figures["cpu_us"] = cpu / 1000 / requests
        figures["rps"] = requests / result["seconds"]
        figures["busy"] = cpu / 1e9 / result["seconds"]  # below about 0.95 the load's core was the limit
        figures["p50_us"], figures["p99_us"] = result["p50_us"], result["p99_us"]
    return figures


def measure(workload, names, arguments, origin_port, folder, load):
    """Interleaved rounds of one workload. Returns {proxy: [figures of each round]}."""
    rounds = {name: [] for name in names}
    programs = {**PROGRAMS, "lintel": arguments.lintel}

    def start(name):
        proxy = proxies.Proxy(name, workload.variant, origin_port, folder, programs)
        try:
            checks.check_answers(proxy, origin_port, workload.variant)
        except (AssertionError, OSError):
            proxy.stop()
            raise
        return proxy

    running = {}
    try:
        if not workload.idle:
            for name in names:
                running[name] = start(name)
                run_load(load, workload, running[name], workload.requests)  # warm-up, not counted
        for number in range(min(arguments.rounds, IDLE_ROUNDS) if workload.idle else arguments.rounds):
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                if workload.idle:  # a fresh process: memory that an earlier round freed would hide growth
                    running[name] = start(name)
                rounds[name].append(run_load(load, workload, running[name], workload.requests))
                if workload.idle:
                    running.pop(name).stop()
    finally:
        for proxy in running.values():
            proxy.stop()
    if workload.variant == "access-log":
        for proxy in running.values():
            missing = workload.requests * arguments.rounds - proxy.logged_lines()
            if missing > 0:
                raise RuntimeError(f"{proxy.name} left {missing} requests out of its access log")
    return rounds


def summarize(workload, rounds):
    """Medians and spreads per proxy, and how Lintel stands against the better peer.

    The ratio is the median of those of each round: what slowed a round down slowed all three proxies.
    """
    row = {"workload": workload.name, "help": workload.help, "target": workload.target, "proxies": {}}
    for name, figures in rounds.items():
        entry = {key: statistics.median(f[key] for f in figures) for key in figures[0]}
        key = "rss_grown_kib" if workload.idle else "cpu_us"
        values = [f[key] for f in figures]
        if workload.idle:
            entry["rss_each_kib"] = entry["rss_grown_kib"] / workload.connections
        lower, median, upper = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
        entry["spread"] = (upper - lower) / 2 / median if median else 0
        row["proxies"][name] = entry
    if "lintel" in row["proxies"]:
        lintel = row["proxies"]["lintel"]
        if workload.idle:
            row["ok"] = lintel["rss_each_kib"] <= workload.target
        else:
            ratios = [statistics.median(own["cpu_us"] / its["cpu_us"] for own, its in zip(rounds["lintel"], rounds[peer]))
                      for peer in PEERS if peer in rounds]
            if ratios:
                row["ratio"] = max(ratios)
                row["ok"] = row["ratio"] <= workload.target
    return row


def verdict(row):
    if "ok" not in row:
        return "–"
    return "ok" if row["ok"] else "**missed**"


def cpu_table(rows, names):
    yield "| workload | " + " | ".join(names) + " | ratio | target | |"
    yield "| --- |" + " ---: |" * (len(names) + 2) + " --- |"
    for row in rows:
        if "idle" in row["workload"]:
            continue
        cells = [f"{p['cpu_us']:.1f} ±{p['spread']:.0%}" for p in (row["proxies"][name] for name in names)]
        ratio = f"{row['ratio']:.2f}" if "ratio" in row else "–"
        yield f"| {row['help']} | " + " | ".join(cells) + f" | {ratio} | {row['target']:.2f} | {verdict(row)} |"
    for row in rows:
        if "idle" in row["workload"]:
            cells = [f"{row['proxies'][name]['rss_each_kib']:.2f} KiB" for name in names]
            yield (f"| {row['help']}: RSS each | " + " | ".join(cells)
                   + f" | | {row['target']:.0f} KiB | {verdict(row)} |")


def speed_table(rows, names):
    yield "| workload | " + " | ".join(names) + " |"
    yield "| --- |" + " ---: |" * len(names)
    for row in rows:
        if "idle" in row["workload"]:
            continue
        cells = []
        for name in names:
            p = row["proxies"][name]
            cells.append(f"{p['rps']:,.0f}/s at {p['busy']:.0%}, {p['p50_us'] / 1000:.2f} / {p['p99_us'] / 1000:.2f} ms, "
                         f"{p['rss_kib'] / 1024:.0f} MiB")
        yield f"| {row['help']} | " + " | ".join(cells) + " |"


def version_of(program, *option):
    done = subprocess.run([program, *option], capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+\.\d+", done.stdout + done.stderr)
    return found.group(0) if found else "?"


def surroundings(arguments):
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    parts = [f"haproxy {version_of(PROGRAMS['haproxy'], '-v')}", f"nginx {version_of(PROGRAMS['nginx'], '-v')}"]
    return (f"{datetime.date.today()}, {cpu.group(1).strip() if cpu else platform.machine()}, {os.cpu_count()} CPUs, "
            f"Linux {platform.release()}, {', '.join(parts)}; {arguments.rounds} interleaved rounds "
            f"({min(arguments.rounds, IDLE_ROUNDS)} of idle connections), medians, ± half the distance of the quartiles")


def print_tables(rows, names, arguments):
    print(f"{surroundings(arguments)}.\n")
    print("CPU µs of the proxy per request, 1 worker on its own core; ratio to the better peer, round by round:\n")
    print("\n".join(cpu_table(rows, names)))
    print(f"\nDifferences under {NOISE:.0%} are ties. Requests per second at how much of the proxy's core, p50 / p99 latency, RSS:\n")
    print("\n".join(speed_table(rows, names)))


def parse_arguments():
    parser = argparse.ArgumentParser(prog="tools/bench", description=__doc__)
    known = [workload.name for workload in WORKLOADS]
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds")
    parser.add_argument("--workload", nargs="+", metavar="NAME", choices=known, default=known,
                        help=f"only these: {', '.join(known)}")
    parser.add_argument("--rounds", type=int, help=f"interleaved rounds per workload ({ROUNDS})")
    parser.add_argument("--lintel", metavar="PATH", default=str(ROOT / "build" / "release" / "lintel"),
                        help="the program to measure, instead of build/release/lintel")
    parser.add_argument("--peers-only", action="store_true", help="without Lintel")
    parser.add_argument("--json", metavar="FILE", help="also write every round's figures there")
    arguments = parser.parse_args()
    arguments.rounds = arguments.rounds or (QUICK_ROUNDS if arguments.quick else ROUNDS)
    return arguments


def main():
    arguments = parse_arguments()
    if os.cpu_count() < 2:
        sys.exit("tools/bench: needs two CPUs: one for the proxy, one for the load and the origin")
    os.sched_setaffinity(0, {LOAD_CORE})
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    needed = max(workload.connections for workload in WORKLOADS if workload.name in arguments.workload) + 200
    if proxies.MAX_CONNECTIONS < needed:
        sys.exit(f"tools/bench: {needed} connections need a limit of {needed * 5 // 2 + 200} open files, and it is {hard}: "
                 "raise it (ulimit -Hn), or leave workloads out with --workload")
    names = list(PEERS) if arguments.peers_only else ["lintel", *PEERS]
    helpers = build_helpers()
    rows, everything = [], {}
    origin = Helper([helpers / "origin"])
    try:
        origin_port = int(origin.line())
        with tempfile.TemporaryDirectory(prefix="lintel-bench-") as folder:
            for workload in WORKLOADS:
                if workload.name not in arguments.workload:
                    continue
                say(f"{workload.name}: {workload.help}")
                rounds = measure(workload, names, arguments, origin_port, folder, helpers / "load")
                everything[workload.name] = rounds
                rows.append(summarize(workload, rounds))
    except (RuntimeError, AssertionError) as error:
        sys.exit(f"tools/bench: {error}")
    finally:
        origin.end()
    print_tables(rows, names, arguments)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps({"rows": rows, "rounds": everything}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
