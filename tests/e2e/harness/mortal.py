"""An HTTP server in a process of its own, which a test may kill, stop and start again at the same address."""

import contextlib
import os
import signal
import subprocess
import sys
import urllib.request

from .environment import eventually, free_port

SCRIPT = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # Each answer goes out in one piece.
    disable_nagle_algorithm = True
    def do_GET(self):
        body = (sys.argv[1] + "\\n").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open(sys.argv[2], "ab", 0) as orders:
            orders.write(body + b"\\n")
        self.do_GET()
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer.request_queue_size = 128
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


class Mortal:
    """Answers every GET and POST with its port. Bodies of POST are written to the file `orders`, a line each."""

    def __init__(self, orders=os.devnull):
        self.orders = str(orders)
        self.port = free_port()
        self.name = f"127.0.0.1:{self.port}"
        self._process = None
        self.start()

    def start(self):
        self._process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(self.port), self.orders], stdin=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL)
        eventually(self._answers, f"a server on port {self.port}")

    def _answers(self):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{self.name}/", timeout=1) as got:
            return got.status == 200
        return False

    def stall(self):
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self._process.send_signal(signal.SIGCONT)

    def kill(self):
        self._process.kill()
        self._process.wait()

    def close(self):
        if self._process.poll() is None:
            self.kill()
