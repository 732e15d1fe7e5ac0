"""A server's certificate is verified, by the authorities that the system or the user trusts."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from counterpoint import http
from counterpoint.errors import ServiceError, UnansweredError
from counterpoint.http import NO_RETRIES, Access, ask, bearer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LET_IN = bearer("PROD-TOKEN-123456")


def certificate(name: str, authority: Any = None, signer: Any = None) -> tuple[Any, Any]:
    """A certificate and its key: of an authority, or signed by one for an address."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    called = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    of_signer = (signer or key).public_key()
    made = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(authority.subject if authority else called)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(of_signer), critical=False)
    )
    if authority:
        made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(name))]), critical=False)
    else:
        may = dict.fromkeys(("digital_signature", "key_cert_sign", "crl_sign"), True)
        none = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
        usage = x509.KeyUsage(**may, **dict.fromkeys((*none, "encipher_only", "decipher_only"), False))
        made = made.add_extension(usage, critical=True)
    return made.sign(signer or key, hashes.SHA256()), key


class Server:
    """Answers by HTTPS alone, as an authority of its own has signed, and notes who let himself in."""

    def __init__(self, folder: Path) -> None:
        self.authority, chain = folder / "authority.pem", folder / "server.pem"
        self.asked: list[str | None] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.headers["Authorization"])
                self.send_response(302 if self.path == "/elsewhere" else 200)
                self.send_header("Location", f"http://127.0.0.1:{server.http.server_port}/x")
                self.end_headers()
                self.wfile.write(b'{"ok": 1}')

            def log_message(self, *_: object) -> None:
                pass

        authority, signer = certificate("authority")
        self.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
        signed, key = certificate("127.0.0.1", authority, signer)
        form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        held = key.private_bytes(serialization.Encoding.PEM, *form)
        chain.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + held)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(chain)
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
def server(started: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The server, and nobody's authorities but the system's."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    started.asked.clear()
    http._tls.cache_clear()
    yield started
    http._tls.cache_clear()


def test_whom_nobody_vouches_for_is_told_nothing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # other programs'
        monkeypatch.setenv(name, str(server.authority))
    with pytest.raises(UnansweredError, match="does not answer: .*CERTIFICATE_VERIFY_FAILED"):
        ask(f"{server.url}/x", credentials=LET_IN, retries=NO_RETRIES)
    assert server.asked == []


def test_the_users_authority_is_trusted(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(server.authority))
    assert ask(f"{server.url}/x", credentials=LET_IN) == {"ok": 1}
    assert server.asked == [*LET_IN.values()]
    with pytest.raises(UnansweredError, match="CERTIFICATE_VERIFY_FAILED"):  # it is for 127.0.0.1
        ask(f"{server.url.replace('127.0.0.1', 'localhost')}/x", retries=NO_RETRIES)


def test_the_authority_of_one_server_is_trusted_for_that_server_alone(server: Server) -> None:
    sent = LET_IN["Authorization"].removeprefix("Bearer ")
    access = Access(token=sent, ca=str(server.authority))
    assert ask(f"{server.url}/x", credentials=access) == {"ok": 1}
    assert server.asked == [*LET_IN.values()]
    with pytest.raises(UnansweredError, match="CERTIFICATE_VERIFY_FAILED"):
        ask(f"{server.url}/x", credentials=Access(token=sent), retries=NO_RETRIES)
    assert sent not in repr(access)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the command openssl is not installed")
def test_the_users_folder_of_authorities_is_trusted(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["openssl", "x509", "-noout", "-subject_hash", "-in", str(server.authority)]
    hashed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    (tmp_path / f"{hashed}.0").write_bytes(server.authority.read_bytes())
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert ask(f"{server.url}/x", credentials=LET_IN) == {"ok": 1}


def test_what_lets_us_in_does_not_go_on_without_tls(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(server.authority))
    with pytest.raises(ServiceError, match=f"{server.url} redirects to http://127.0.0.1:"):
        ask(f"{server.url}/elsewhere", credentials=LET_IN)
    assert server.asked == [*LET_IN.values()]
