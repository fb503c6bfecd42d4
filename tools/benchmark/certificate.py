"""The certificate that all proxies show: self-signed, ECDSA P-256, for bench.example and 127.0.0.1."""

import ssl
import subprocess


def make(folder):
    """Paths of the certificate, of its key, and of both in one file, below `folder`; made the first time."""
    certificate, key, both = (folder / f"bench.{kind}" for kind in ("crt", "key", "pem"))
    if not both.exists():
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
             "-subj", "/CN=bench.example", "-addext", "subjectAltName=DNS:bench.example,IP:127.0.0.1",
             "-keyout", key, "-out", certificate],
            check=True, capture_output=True)
        both.write_text(certificate.read_text(encoding="ascii") + key.read_text(encoding="ascii"), encoding="ascii")
    return certificate, key, both


def client_context(folder):
    """What a client needs to trust it."""
    return ssl.create_default_context(cafile=make(folder)[0])
