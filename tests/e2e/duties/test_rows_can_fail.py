"""A row that nothing can fail proves nothing. Two proxies that are wrong about everything play the table: one refuses
whatever comes, the other relays bytes without reading them. Each row must find fault with one of them."""

import socket
import threading

import pytest

from duties import expect
from duties.recorder import Recorder
from duties.stage import Stage
from duties.test_duties import ROWS, judge

REFUSAL = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Wrong:
    """A proxy; `serve` gets each client's socket."""

    is_peer = False

    def __init__(self, origin):
        self._origin = ("127.0.0.1", origin.port)
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = self._socket.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            with client:
                self.serve(client)
        except OSError:
            pass

    def stop(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


class RefuseAll(Wrong):
    def serve(self, client):
        client.recv(65536)
        client.sendall(REFUSAL)
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass


class RelayAll(Wrong):
    def serve(self, client):
        with socket.create_connection(self._origin) as server:
            back = threading.Thread(target=self.pump, args=(server, client), daemon=True)
            back.start()
            self.pump(client, server)
            back.join()

    @staticmethod
    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def passes(row, proxy):
    """Whether the row finds nothing wrong with this proxy. Its victims are served as badly, and are not asked."""
    origin = Recorder()
    stage = Stage(proxy(origin), origin, patience=0.25)
    try:
        evidence = stage.run(row)
        evidence.victim = ""
        judge(row, evidence)
        return True
    except AssertionError:
        return False
    finally:
        stage.close()


@pytest.mark.long
def test_every_row_can_fail():
    unfailing = [row.id for row in ROWS if passes(row, RefuseAll) and passes(row, RelayAll)]
    assert not unfailing


def test_the_judge_sees_what_is_wrong():
    """What holds for every row is asked of every row."""
    for check in (expect.always, expect.safe):
        origin = Recorder()
        stage = Stage(RefuseAll(origin), origin, patience=0.25)
        evidence = stage.run(ROWS[0])
        with pytest.raises(AssertionError, match="next client"):
            check(evidence)
        stage.close()
