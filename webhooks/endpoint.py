"""Posting to an address that a person chose: never to a private one, never for long, never further than there.

The name is resolved here, the addresses are checked, and the connection goes to a checked address with the name in the
TLS handshake and the Host header. So a name that resolves to something else a moment later leads nowhere.
"""

import asyncio
import ipaddress
import socket
import ssl
from dataclasses import dataclass
from functools import cache

import httpx
from django.conf import settings

from ai.provider_errors import seconds_of
from cms.errors import invalid

from .models import MAX_RESPONSE, MAX_URL

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Not for the public, though Python 3.11 calls them global: relays, translations and documentation.
_RESERVED = [ipaddress.ip_network(text) for text in ("192.0.0.0/24", "192.88.99.0/24", "2002::/16", "3fff::/20")]
# What is handed out of IPv6; translated and private addresses lie outside.
_IPV6 = ipaddress.IPv6Network("2000::/3")
# Bytes of an answer that are read.
_MAX_BYTES = 4 * MAX_RESPONSE


class EndpointError(Exception):
    """There was no answer; the message says why, for people."""


@dataclass(frozen=True, slots=True)
class Response:
    """An endpoint's answer. `retry_after` is in seconds."""

    status: int
    body: str
    retry_after: float | None = None


def checked_url(text: str) -> str:
    """An address as it is kept. Raises INVALID, naming `url`, where nothing may ever be sent there."""
    try:
        url = httpx.URL(text.strip())
    except httpx.InvalidURL:
        raise invalid("That is not an address.", "url") from None
    schemes = ("https", "http") if settings.WEBHOOK_ALLOW_PRIVATE else ("https",)
    if url.scheme not in schemes or not url.host or not 0 < (url.port or 1) < 2**16 or len(text) > MAX_URL:
        raise invalid(f"Give an https address of at most {MAX_URL:,} characters.", "url")
    if url.userinfo or url.fragment:
        raise invalid("The address holds a user, a password or a fragment: leave them out.", "url")
    literal = _literal(url.host)
    if literal is not None and not _is_allowed(literal):
        raise invalid("That is not a public address.", "url")
    return str(url)


async def post(address: str, headers: dict[str, str], body: str) -> Response:
    """Post a body, and answer what came back whatever its status. Redirects are not followed.

    Raises EndpointError where nothing came back in time, or where the address is not public.
    """
    try:
        async with asyncio.timeout(settings.WEBHOOK_TIMEOUT_SECONDS):
            return await _post(httpx.URL(address), headers, body)
    except TimeoutError:
        raise EndpointError(f"No answer within {settings.WEBHOOK_TIMEOUT_SECONDS:g} seconds.") from None
    except httpx.ConnectTimeout:
        raise EndpointError(f"No connection within {settings.WEBHOOK_CONNECT_SECONDS:g} seconds.") from None
    except httpx.HTTPError as error:
        raise EndpointError(str(error) or type(error).__name__) from error


async def _post(url: httpx.URL, headers: dict[str, str], body: str) -> Response:
    places = await _resolve(url)
    async with httpx.AsyncClient(
        verify=_tls(),
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(settings.WEBHOOK_TIMEOUT_SECONDS, connect=settings.WEBHOOK_CONNECT_SECONDS),
    ) as client:
        for place in places:
            request = client.build_request(
                "POST",
                url.copy_with(host=str(place)),
                headers={**headers, "Host": url.netloc.decode(), "Accept-Encoding": "identity"},
                content=body.encode(),
                extensions={"sni_hostname": url.raw_host.decode()},
            )
            try:
                response = await client.send(request, stream=True)
            except httpx.ConnectError:
                if place is places[-1]:
                    raise
            else:
                return Response(
                    response.status_code, await _beginning(response), seconds_of(response.headers.get("retry-after"))
                )
    raise EndpointError("The address has no place to connect to.")


async def _resolve(url: httpx.URL) -> list[Address]:
    """Where a name leads. Raises EndpointError where any of it is not public."""
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(url.raw_host.decode(), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise EndpointError("The address's name is unknown.") from error
    places = [ipaddress.ip_address(str(place[0]).partition("%")[0]) for *_, place in found]
    if not all(map(_is_allowed, places)):
        raise EndpointError("The address is not public.")
    return places


def _is_allowed(address: Address) -> bool:
    return settings.WEBHOOK_ALLOW_PRIVATE or is_public(address)


def is_public(address: Address) -> bool:
    """Whether an address is somebody's on the internet: none of this machine, a private network, or a translation."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address not in _IPV6:
            return False
    is_reserved = any(address in network for network in _RESERVED if network.version == address.version)
    return address.is_global and not address.is_multicast and not is_reserved


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


async def _beginning(response: httpx.Response) -> str:
    read = b""
    try:
        async for chunk in response.aiter_raw():
            read += chunk
            if len(read) >= _MAX_BYTES:
                break
    finally:
        await response.aclose()
    # What no database takes is no text.
    return read.decode(errors="replace").replace("\x00", "�")[:MAX_RESPONSE]


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()
