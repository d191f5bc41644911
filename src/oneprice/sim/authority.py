"""A certificate authority for tests: a good server certificate and three that a client must refuse.

Needs the `cryptography` package (extra `tls-test`); it is imported when certificates are made. The keys are
written to files that only the owner may read and are of no use outside a test.
"""

import datetime as dt
import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

_LOCAL = ("127.0.0.1", "localhost")
_YEAR = dt.timedelta(days=365)
_HOUR = dt.timedelta(hours=1)


class ServerFiles(msgspec.Struct, frozen=True):
    """A server's certificate and key, PEM files."""

    certificate: Path
    key: Path


class TestCertificates(msgspec.Struct, frozen=True):
    """What `make_certificates` wrote. A client that trusts `authority` must accept `valid` only."""

    __test__ = False  # pytest would take the name for a test class

    authority: Path
    valid: ServerFiles
    expired: ServerFiles
    wrong_host: ServerFiles
    unknown_authority: ServerFiles


def make_certificates(directory: Path) -> TestCertificates:
    """Write an authority and its server certificates for 127.0.0.1 and localhost into `directory`.

    Raises ImportError naming the extra when `cryptography` is not installed.
    """
    now = dt.datetime.now(dt.UTC)
    known, stranger = _Authority("oneprice test authority", now), _Authority("unknown authority", now)
    directory.mkdir(parents=True, exist_ok=True)
    authority = directory / "authority.pem"
    authority.write_bytes(known.certificate_pem())
    return TestCertificates(
        authority,
        known.issue(directory, "valid", _LOCAL, now - _HOUR, now + _YEAR),
        known.issue(directory, "expired", _LOCAL, now - 2 * _YEAR, now - _YEAR),
        known.issue(directory, "wrong_host", ("exchange.invalid",), now - _HOUR, now + _YEAR),
        stranger.issue(directory, "unknown_authority", _LOCAL, now - _HOUR, now + _YEAR),
    )


class _Authority:
    """A key that signs server certificates."""

    def __init__(self, name: str, now: dt.datetime) -> None:
        try:
            from cryptography import x509
            from cryptography.hazmat.primitives import hashes
            from cryptography.hazmat.primitives.asymmetric import ec
        except ImportError as error:
            raise ImportError("test certificates need cryptography: install the extra 'tls-test'") from error
        self._key: ec.EllipticCurvePrivateKey = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        self._certificate = (
            _builder(self._name, self._name, self._key, now - 3 * _YEAR, now + 3 * _YEAR)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def certificate_pem(self) -> bytes:
        from cryptography.hazmat.primitives.serialization import Encoding

        return self._certificate.public_bytes(Encoding.PEM)

    def issue(
        self, directory: Path, name: str, hosts: Sequence[str], since: dt.datetime, until: dt.datetime
    ) -> ServerFiles:
        """Sign a server certificate and write it and its key."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        key = ec.generate_private_key(ec.SECP256R1())
        alternatives = x509.SubjectAlternativeName([_alternative(host) for host in hosts])
        certificate = (
            _builder(_named(hosts[0]), self._name, key, since, until)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(alternatives, critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        files = ServerFiles(directory / f"{name}.pem", directory / f"{name}.key")
        files.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
        files.key.touch(mode=0o600)
        files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return files


def _named(common_name: str) -> "x509.Name":
    from cryptography import x509

    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: "x509.Name",
    issuer: "x509.Name",
    key: "ec.EllipticCurvePrivateKey",
    since: dt.datetime,
    until: dt.datetime,
) -> "x509.CertificateBuilder":
    from cryptography import x509

    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
    )


def _alternative(host: str) -> "x509.GeneralName":
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
