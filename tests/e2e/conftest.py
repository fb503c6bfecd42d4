"""Fixtures of the end-to-end tests. tests/README.md says how to run them."""

import itertools
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))
from harness import daemon, environment, origin as origins  # noqa: E402  (needs the path above)


def pytest_addoption(parser):
    parser.addoption("--quick", action="store_true", help="leave out the tests marked long")
    parser.addoption("--proxy", choices=("lintel", "haproxy", "nginx"), default="lintel",
                     help="whom the table of duties (tests/e2e/duties) is asked of")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes more than ten seconds; left out by --quick and under a sanitizer")


def pytest_report_header():
    return f"lintel: {environment.BINARY}{' (sanitized)' if environment.SANITIZED else ''}"


def pytest_collection_modifyitems(config, items):
    if not os.access(environment.BINARY, os.X_OK):
        raise pytest.UsageError(f"{environment.BINARY} is not there; build it, or set LINTEL_BINARY")
    if not (config.getoption("--quick") or environment.SANITIZED):
        return
    left_out = [item for item in items if "long" in item.keywords]
    items[:] = [item for item in items if "long" not in item.keywords]
    config.hook.pytest_deselected(items=left_out)


@pytest.fixture
def start(tmp_path):
    """start(config, env=None, descriptors=None) runs a daemon; it is stopped, and its exit status checked, after the test."""
    running = []
    numbers = itertools.count()

    def run(config, env=None, descriptors=None):
        lintel = daemon.Lintel(config, tmp_path / f"lintel-{next(numbers)}", env, descriptors)
        running.append(lintel)
        return lintel

    yield run
    failures = []
    for lintel in reversed(running):
        try:
            lintel.stop()
        except AssertionError as error:
            failures.append(str(error))
    assert not failures, failures


@pytest.fixture
def origin(request):
    """origin(script=None, answer=None, address=None, tls=None, port=0) starts a scripted server; see harness/origin.py."""
    running = []

    def run(script=None, answer=None, address=None, tls=None, port=0):
        server = origins.Origin(script, answer, address, tls, port)
        running.append(server)
        return server

    yield run
    for server in running:
        server.close()
