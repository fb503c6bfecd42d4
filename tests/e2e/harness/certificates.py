"""Certificates and keys as the tests need them: an authority that issues what it is asked for."""

import datetime
import ipaddress
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def new_key(kind="ecdsa"):
    return rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())


class Issued:
    """A certificate with its key, and the files they are in."""

    def __init__(self, certificate, key, chain, directory, name, password=None):
        self.certificate, self.key_object = certificate, key
        self.cert = str(directory / f"{name}.crt")
        self.key = str(directory / f"{name}.key")
        pathlib.Path(self.cert).write_bytes(b"".join(map(_pem, [certificate, *chain])))
        protection = (serialization.BestAvailableEncryption(password.encode()) if password
                      else serialization.NoEncryption())
        pathlib.Path(self.key).write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection))

    @property
    def files(self):
        """As a configuration names them."""
        return {"cert": self.cert, "key": self.key}

    @property
    def not_after(self):
        return self.certificate.not_valid_after.replace(tzinfo=datetime.timezone.utc).timestamp()


class Authority:
    """Issues certificates for P-256 keys, or RSA keys where asked. Keys may be shared to save time."""

    def __init__(self, directory, name="Test CA"):
        self.directory = pathlib.Path(directory)
        self.key = new_key()
        self.certificate = self._build(name, self.key.public_key(), _name(name), [], -1, 30, authority=True)
        self.file = str(self.directory / f"{name.replace(' ', '-')}.crt")
        pathlib.Path(self.file).write_bytes(_pem(self.certificate))

    def _build(self, name, public, issuer, names, start, end, authority=False):
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateBuilder().subject_name(_name(name)).issuer_name(issuer).public_key(public)
                   .serial_number(x509.random_serial_number())
                   .not_valid_before(now + datetime.timedelta(days=start))
                   .not_valid_after(now + datetime.timedelta(days=end))
                   .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=authority))
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(list(map(_alternative, names))), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, *names, file=None, kind="ecdsa", key=None, start=-1, end=30, chain=True, password=None):
        """For these names, the first being the subject too."""
        key = key or new_key(kind)
        certificate = self._build(names[0], key.public_key(), self.certificate.subject, names, start, end)
        file = file or f"{names[0].replace('*', 'any')}-{kind}"
        return Issued(certificate, key, [self.certificate] if chain else [], self.directory, file, password)

    def ocsp(self, issued, file="response.ocsp"):
        """A response that says that all is well with `issued`; its file."""
        now = datetime.datetime.utcnow()
        response = (ocsp.OCSPResponseBuilder()
                    .add_response(issued.certificate, self.certificate, hashes.SHA1(), ocsp.OCSPCertStatus.GOOD, now,
                                  now + datetime.timedelta(days=1), None, None)
                    .responder_id(ocsp.OCSPResponderEncoding.NAME, self.certificate)
                    .sign(self.key, hashes.SHA256()))
        path = self.directory / file
        path.write_bytes(response.public_bytes(serialization.Encoding.DER))
        return str(path)
