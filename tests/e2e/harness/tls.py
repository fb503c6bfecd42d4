"""Clients of TLS: Python's, and OpenSSL's own program."""

import re
import socket
import ssl
import subprocess

from . import wire
from .environment import PATIENCE


def context(ca=None, version=None, own=None, alpn=None):
    """A client's context. Without `ca` it believes everybody; `own`: an Issued to be shown."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca is None:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    else:
        made.load_verify_locations(ca)
    if version:
        made.minimum_version = made.maximum_version = version
    if own:
        made.load_cert_chain(own.cert, own.key)
    if alpn:
        made.set_alpn_protocols(alpn)
    return made


def connect(address, client=None, name=None, session=None, timeout=PATIENCE):
    """A connection after its handshake, as a wire to write and read."""
    plain = socket.create_connection(address, timeout=timeout)
    try:
        return wire.Wire((client or context()).wrap_socket(plain, server_hostname=name, session=session))
    except BaseException:
        plain.close()
        raise


def s_client(address, *options, text="", timeout=PATIENCE):
    """What openssl s_client prints."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"{address[0]}:{address[1]}", *options],
                          input=text, capture_output=True, text=True, timeout=timeout, check=False)
    return done.stdout + done.stderr


def subject_shown(address, name, *options):
    """The common name of the certificate that a client asking for `name` is shown."""
    found = re.search(r"subject=(?:.*)CN ?= ?(\S+)", s_client(address, "-servername", name, *options))
    return found and found.group(1)
