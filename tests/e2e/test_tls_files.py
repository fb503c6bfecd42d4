"""Certificates and keys as files: what `lintel check` says of them, and what a reload does."""

import datetime
import os
import pathlib

import pytest
import yaml

from harness import tls, wire
from harness.certificates import Authority
from harness.daemon import command, proxy_to


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def check(tmp_path, config):
    file = tmp_path / "lintel.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    return command("check", file)


def listening(certificates, **more):
    return proxy_to("127.0.0.1:1", listener={"bind": ["127.0.0.1:1"], "tls": {"certificates": certificates, **more}})


def test_check_names_the_file_the_place_and_what_is_wrong(tmp_path, authority):
    good = authority.issue("a.test")
    other = authority.issue("b.test")
    locked = authority.issue("c.test", password="secret")
    (tmp_path / "binary").write_bytes(b"\x30\x82\x00")
    rows = [
        ({"cert": "absent.crt", "key": good.key}, "certificates[0].cert", "No such file or directory"),
        ({"cert": "binary", "key": good.key}, "certificates[0].cert", "is not PEM"),
        ({"cert": good.cert, "key": other.key}, "certificates[0].key", "does not belong to the certificate"),
        ({"cert": good.cert, "key": good.cert}, "certificates[0].key", "holds no private key"),
        ({"cert": locked.cert, "key": locked.key}, "certificates[0].key", "is protected by a password"),
        ({"cert": good.cert}, "certificates[0].cert", "holds no private key"),
        ({**good.files, "ocsp": good.cert}, "certificates[0].ocsp", "is no OCSP response"),
    ]
    for files, place, message in rows:
        done = check(tmp_path, listening([files]))
        assert done.returncode == 1
        first = done.stderr.splitlines()[0]
        assert f"listeners[0].tls.{place}: " in first and message in first, done.stderr
        assert first.startswith(str(tmp_path / "lintel.yaml:")), first
        assert done.stderr.splitlines()[1].strip().split(":")[0] in ("cert", "key", "ocsp", "- cert")


def test_settings_that_cannot_work_together(tmp_path, authority):
    good = [authority.issue("a.test").files]
    rows = [
        (listening([]), "listeners[0].tls", "there is no certificate to show to clients"),
        (listening(good, client_auth={"mode": "required"}), "listeners[0].tls.client_auth", "there is no ca"),
        (listening(good, alpn=["h2", "http/1.1"]), "listeners[0].tls.alpn[0]", "HTTP/2 is not supported yet"),
        (proxy_to("127.0.0.1:1", listener={"bind": ["127.0.0.1:1"]}, pool={"tls": {"key": good[0]["key"]}}),
         "pools.site.tls.key", "there is a key without a certificate"),
    ]
    for config, place, message in rows:
        done = check(tmp_path, config)
        assert done.returncode == 1
        assert f"{place}: {message}" in done.stderr.splitlines()[0], done.stderr


def test_check_tells_a_wrong_order_and_a_file_that_may_not_be_read(tmp_path, authority):
    good = authority.issue("a.test")
    text = pathlib.Path(good.cert).read_text()
    second = text.index("-----BEGIN", 10)
    (tmp_path / "turned.crt").write_text(text[second:] + text[:second])
    done = check(tmp_path, listening([{"cert": "turned.crt", "key": good.key}]))
    assert done.returncode == 1 and "put the server's own certificate first" in done.stderr
    if os.geteuid() != 0:
        os.chmod(good.key, 0)
        assert "may not read it" in check(tmp_path, listening([good.files])).stderr


def test_an_expired_certificate_is_a_warning(tmp_path, authority):
    old = authority.issue("old.test", start=-10, end=-1)
    done = check(tmp_path, listening([old.files]))
    assert done.returncode == 0
    assert "warning: listeners[0].tls.certificates[0].cert" in done.stderr
    assert "(old.test) expired on " in done.stderr


def test_paths_are_relative_to_the_file_that_names_them(tmp_path, authority):
    certificate = authority.issue("a.test", file="a")
    folder = tmp_path / "conf.d"
    folder.mkdir()
    (folder / "web.yaml").write_text(yaml.safe_dump(listening([{"cert": "../a.crt", "key": "../a.key"}])))
    done = check(tmp_path, {"include": ["conf.d/web.yaml"]})
    assert done.returncode == 0, done.stderr
    assert certificate.cert.endswith("/a.crt")


def test_reload_takes_up_new_certificates_without_dropping_connections(start, origin, authority, tmp_path):
    certificate = authority.issue("a.test", file="live")
    config = proxy_to(origin(), listener={"tls": {"certificates": [certificate.files]}})
    lintel = start(config)
    client = tls.context(authority.file)
    with tls.connect(lintel.address, client, "a.test") as before:
        assert before.ask(wire.request()).status == 200
        first = before.sock.getpeercert()["serialNumber"]
        renewed = authority.issue("a.test", file="live", end=60)
        lintel.reload(config)
        with tls.connect(lintel.address, client, "a.test") as after:
            assert after.sock.getpeercert()["serialNumber"] != first
            assert after.ask(wire.request()).status == 200
        assert before.ask(wire.request()).status == 200
        name = "lintel_tls_cert_not_after_timestamp_seconds"
        assert lintel.metrics().value(name, listener="web", certificate="a.test", key="ecdsa") == int(renewed.not_after)

        pathlib.Path(certificate.cert).write_text("no certificate")
        lintel.reload(config, ok=False)
        assert "live.crt" in lintel.stderr() and "is not PEM" in lintel.stderr()
        with tls.connect(lintel.address, client, "a.test") as still:
            assert still.ask(wire.request()).status == 200
        assert before.ask(wire.request()).status == 200
    assert renewed.certificate.not_valid_after > datetime.datetime.utcnow()
