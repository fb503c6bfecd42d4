"""tools/siege on a small scale: slow clients come and go, and no good client loses a request."""

import subprocess
import sys

import pytest
from harness.environment import BINARY, ROOT


@pytest.mark.long
def test_slow_clients_cost_good_ones_no_request():
    done = subprocess.run(
        [sys.executable, "-B", ROOT / "tools/benchmark/siege.py", "--lintel", BINARY, "--clients", "300", "--seconds", "5",
         "--quiet", "1", "--rate", "200", "--grace", "1s", "--interval", "200", "--ramp", "500", "--most-ratio", "0", "--most-memory", "200"],
        capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "header_timeout" in done.stdout and "min_rate_request_body" in done.stdout, done.stdout
