"""Certificates and host names are verified for HTTP and for websockets, and a refusal says which fault it was."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from oneprice.errors import ConfigError, NetworkError, Outcome
from oneprice.live import client_context

FAULTS = {
    "expired": "it has expired",
    "unknown_authority": "its authority is not trusted here",
    "wrong_host": "it was issued for another host",
}


async def one_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    await writer.drain()
    writer.close()


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_bad_certificate_is_refused_by_http_with_its_fault(loopback, server_context, trusting, fault) -> None:
    place = await loopback.serve_tcp(one_answer, server_context(fault))
    with pytest.raises(NetworkError, match=FAULTS[fault]) as refused:
        await loopback.get(f"https://{place}/", tls=trusting)
    assert refused.value.outcome is Outcome.NOT_SENT


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_bad_certificate_is_refused_by_the_order_path_with_its_fault(
    loopback, server_context, trusting, fault
) -> None:
    place = await loopback.serve_tcp(one_answer, server_context(fault))
    line = loopback.network.open_line(f"https://{place}", connections=1, tls=trusting)
    with pytest.raises(NetworkError, match=FAULTS[fault]) as refused:
        await line.request("POST", "/order", (), b"{}", timeout_s=5.0, bytes_max=100)
    assert refused.value.outcome is Outcome.NOT_SENT


async def test_the_order_path_speaks_tls_with_whom_it_trusts(loopback, server_context, trusting) -> None:
    place = await loopback.serve_tcp(one_answer, server_context("valid"))
    line = loopback.network.open_line(f"https://{place}", connections=1, tls=trusting)
    answer = await line.request("POST", "/order", (), b"{}", timeout_s=5.0, bytes_max=100)
    assert (answer.status, answer.body) == (200, b"ok")
    strange = loopback.network.open_line(f"https://{place}", connections=1)
    with pytest.raises(NetworkError, match="not trusted here"):
        await strange.warm()


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_bad_certificate_is_refused_by_websockets_with_its_fault(
    loopback, server_context, trusting, fault
) -> None:
    url = await loopback.serve(tls=server_context(fault))
    with pytest.raises(NetworkError, match=FAULTS[fault]) as refused:
        await loopback.dial(url, tls=trusting)
    assert refused.value.outcome is Outcome.NOT_SENT
    assert not loopback.peers


async def test_without_a_context_the_systems_authorities_decide(loopback, server_context) -> None:
    place = await loopback.serve_tcp(one_answer, server_context("valid"))
    with pytest.raises(NetworkError, match="not trusted here"):
        await loopback.get(f"https://{place}/")
    with pytest.raises(NetworkError, match="not trusted here"):
        await loopback.dial(f"wss://{place}/")


async def test_a_good_certificate_is_accepted_by_both(loopback, server_context, trusting, make_frame) -> None:
    place = await loopback.serve_tcp(one_answer, server_context("valid"))
    assert (await loopback.get(f"https://{place}/", tls=trusting)).body == b"ok"
    url = await loopback.serve(lambda peer: peer.raw(make_frame(1, b"x" * 100_000)), server_context("valid"))
    websocket, ear = await loopback.dial(url, tls=trusting)
    assert await ear.frame_count(1) == [(b"x" * 100_000, False)]
    websocket.send(b"y" * 100_000)
    assert await loopback.peers[0].heard_count(1) == [(1, b"y" * 100_000)]
    websocket.close("enough")
    assert await ear.end() == "closed by us: enough"


async def test_an_encrypted_websocket_is_dropped_at_once_by_abort(loopback, server_context, trusting) -> None:
    websocket, ear = await loopback.dial(await loopback.serve(tls=server_context("valid")), tls=trusting)
    websocket.abort("now")
    assert await ear.end() == "dropped by us: now"
    await loopback.peers[0].disconnected()
    assert not loopback.peers[0].heard


async def test_the_host_name_is_checked_not_only_the_authority(loopback, server_context, trusting) -> None:
    url = (await loopback.serve(tls=server_context("valid"))).replace("127.0.0.1", "localhost")
    websocket, _ = await loopback.dial(url, tls=trusting)
    websocket.abort("both names of the certificate are fine")


async def test_a_server_of_old_tls_is_refused(loopback, server_context, trusting) -> None:
    context = server_context("valid")
    for version in ("minimum_version", "maximum_version"):
        with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
            setattr(context, version, ssl.TLSVersion.TLSv1_1)
    place = await loopback.serve_tcp(one_answer, context)
    with pytest.raises(NetworkError, match=r"no TLS connection: \w+|cannot connect: \w+") as refused:
        await loopback.get(f"https://{place}/", tls=trusting)
    assert refused.value.outcome is Outcome.NOT_SENT
    with pytest.raises(NetworkError, match=r"no TLS connection: \w+|cannot connect: \w+"):
        await loopback.dial(f"wss://{place}/", tls=trusting)


async def test_a_server_that_speaks_no_tls_is_refused(loopback, trusting) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await reader.read(1)
        writer.close()

    place = await loopback.serve_tcp(plain)
    for attempt in (loopback.get(f"https://{place}/", tls=trusting), loopback.dial(f"wss://{place}/", tls=trusting)):
        with pytest.raises(NetworkError) as refused:
            await attempt
        assert refused.value.outcome is Outcome.NOT_SENT


async def test_a_context_that_verifies_nothing_is_refused_before_anything_is_sent(loopback) -> None:
    careless = ssl.create_default_context()
    careless.check_hostname = False
    blind = ssl.create_default_context()
    blind.check_hostname = False
    blind.verify_mode = ssl.CERT_NONE
    lenient = ssl.create_default_context()
    lenient.verify_mode = ssl.CERT_OPTIONAL
    for context in (careless, blind, lenient):
        with pytest.raises(ConfigError, match="does not verify"):
            await loopback.get("https://127.0.0.1:1/", tls=context)
        with pytest.raises(ConfigError, match="does not verify"):
            await loopback.dial("wss://127.0.0.1:1/", tls=context)


async def test_a_context_that_allows_old_tls_is_refused(loopback, trusting) -> None:
    old = ssl.create_default_context()
    with pytest.warns(DeprecationWarning, match="TLSv1 is deprecated"):
        old.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.raises(ConfigError, match="TLSv1_2 at least"):
        await loopback.get("https://127.0.0.1:1/", tls=old)


def test_our_contexts_verify_and_start_at_tls_1_2() -> None:
    context = client_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_an_authority_that_cannot_be_read_is_named(missing) -> None:
    with pytest.raises(ConfigError, match=r"missing\.pem"):
        client_context(missing)
    missing.write_text("no certificate")
    with pytest.raises(ConfigError, match="PEM"):
        client_context(missing)
