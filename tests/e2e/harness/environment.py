"""Where the program is, whether it is instrumented, how long to wait, and which ports are free."""

import mmap
import os
import pathlib
import random
import socket
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
BINARY = pathlib.Path(
    os.environ.get("LINTEL_BINARY") or os.environ.get("LINTEL") or ROOT / "build/release/lintel").absolute()


def _contains(path, needles):
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            return any(text.find(needle) >= 0 for needle in needles)
    except OSError:
        return False


#: Built with a sanitizer: slower and larger, so loads are smaller and waits are longer.
SANITIZED = _contains(BINARY, (b"__asan_init", b"__tsan_init"))
#: The longest wait for anything that should happen at once.
PATIENCE = 60.0 if SANITIZED else 20.0


def load(normal, sanitized=None):
    """How much of something to do: `normal`, or less under a sanitizer."""
    if not SANITIZED:
        return normal
    return max(1, normal // 20) if sanitized is None else sanitized


def eventually(condition, what="the condition", patience=PATIENCE):
    """Waits until `condition()` is true and returns its value."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"after {patience:.0f} s still not so: {what}")
        time.sleep(0.005)


_next_port = random.randrange(12000, 31000)


def free_port(host="127.0.0.1"):
    """A TCP port nobody listens on, below the range from which the kernel takes ports of outgoing connections."""
    global _next_port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        _next_port = _next_port + 1 if _next_port < 32000 else 12000
        with socket.socket(family) as probe:
            try:
                probe.bind((host, _next_port))
                return _next_port
            except OSError:
                continue
