"""The test certificates: a client that trusts the authority accepts the valid one and refuses the others."""

import ssl
from typing import Any

import aiohttp
import pytest

pytest.importorskip("cryptography")

from oneprice.sim.authority import ServerFiles, TestCertificates, make_certificates


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> TestCertificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def context_of(files: ServerFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    return context


async def test_valid_certificate_serves_rest_and_streams(
    start_venue: Any, http: Any, certificates: TestCertificates
) -> None:
    server = await start_venue("binance", instruments=("BTC/USDT",), tls=context_of(certificates.valid))
    assert server.url.startswith("https://")
    trusting = ssl.create_default_context(cafile=str(certificates.authority))
    async with http.get(server.url + "/api/v3/ping", ssl=trusting) as response:
        assert response.status == 200
    async with http.ws_connect(server.url + "/ws/btcusdt@bookTicker", ssl=trusting) as socket:
        assert (await socket.receive_json(timeout=5))["s"] == "BTCUSDT"


@pytest.mark.parametrize("which", ["expired", "wrong_host", "unknown_authority"])
async def test_bad_certificates_are_refused(
    start_venue: Any, http: Any, certificates: TestCertificates, which: str
) -> None:
    files = getattr(certificates, which)
    server = await start_venue("binance", instruments=("BTC/USDT",), tls=context_of(files))
    trusting = ssl.create_default_context(cafile=str(certificates.authority))
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await http.get(server.url + "/api/v3/ping", ssl=trusting)


def test_keys_are_for_the_owner_only(certificates: TestCertificates) -> None:
    assert certificates.valid.key.stat().st_mode & 0o077 == 0
