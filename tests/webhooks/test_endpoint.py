"""Nothing is ever posted to a private address, whatever its name says, and nothing goes round the check."""

import asyncio
import ipaddress
import socket

import pytest

from webhooks.endpoint import is_public

from .receiver import receiving, status

PRIVATE = """
0.0.0.0 10.0.0.1 100.64.0.1 127.0.0.1 127.8.8.8 169.254.169.254 172.16.0.1 192.0.0.8 192.0.2.1 192.88.99.1 192.168.1.1
198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255 :: ::1 ::ffff:10.0.0.1 ::ffff:127.0.0.1
64:ff9b::7f00:1 64:ff9b:1::1 100::1 2001::1 2001:db8::1 2002:7f00:1:: 3fff::1 5f00::1 fc00::1 fd00::1 fe80::1 fec0::1
ff02::1 ::127.0.0.1
"""
PUBLIC = ["1.1.1.1", "8.8.8.8", "172.32.0.1", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("address", PRIVATE.split())
def test_a_private_address(address):
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address(address):
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("resolved", ["127.0.0.1", "::1", "169.254.169.254", "1.1.1.1 127.0.0.1", "127.0.0.1 1.1.1.1"])
def test_a_name_that_leads_to_a_private_address_gets_nothing(
    resolved, producer, register, rename, receiver, deliver, names, settings
):
    settings.WEBHOOK_RETRY_SECONDS = [60]
    port = receiver.url.rpartition(":")[2]
    webhook = register(producer, url=f"http://hooks.example.com:{port}")
    settings.WEBHOOK_ALLOW_PRIVATE = False
    names["hooks.example.com"] = [resolved]
    rename("Not for inside")
    assert deliver() == []
    (delivery,) = webhook.shown()["deliveries"]
    assert (delivery["error"], delivery["status"]) == ("The address is not public.", "PENDING")


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f.1", "127.1"])
def test_other_spellings_of_this_machine_get_nothing(host, producer, register, rename, receiver, deliver, settings):
    settings.WEBHOOK_RETRY_SECONDS = [60]
    webhook = register(producer, url=receiver.url.replace("127.0.0.1", host))
    settings.WEBHOOK_ALLOW_PRIVATE = False
    rename("Not for inside")
    assert deliver() == []
    assert webhook.shown()["deliveries"][0]["error"] == "The address is not public."


def test_the_connection_goes_to_the_address_that_was_checked(producer, register, rename, deliver, names):
    with receiving("127.0.0.2") as checked, receiving("127.0.0.1") as rebound:
        port = checked.url.rpartition(":")[2].removesuffix("/hook")
        # A second look-up would lead elsewhere.
        names["hooks.example.com"] = ["127.0.0.2", "127.0.0.1"]
        register(producer, url=f"http://hooks.example.com:{port}/hook")
        rename("Rebound")
        deliver()
        (request,) = checked.got()
        assert request.headers["host"] == f"hooks.example.com:{port}"
        assert names["hooks.example.com"] == ["127.0.0.1"]
        assert rebound.got() == []


def test_the_next_address_is_tried_where_the_first_takes_no_connection(
    producer, register, rename, receiver, deliver, names
):
    port = receiver.url.rpartition(":")[2].removesuffix("/hook")
    names["hooks.example.com"] = ["127.0.0.3 127.0.0.1"]
    register(producer, url=f"http://hooks.example.com:{port}/hook")
    rename("Second address")
    assert len(deliver()) == 1


def test_a_redirect_is_not_followed(producer, register, rename, receiver, deliver, settings):
    settings.WEBHOOK_RETRY_SECONDS = [60]
    with receiving() as inside:
        receiver.answers = [status(307, Location=inside.url)]
        webhook = register(producer)
        rename("Elsewhere")
        assert len(deliver()) == 1
        assert inside.got() == []
    assert webhook.shown()["deliveries"][0]["error"].endswith("Redirects are not followed.")


def test_a_name_that_nobody_has_is_told(producer, register, rename, deliver, monkeypatch, settings):
    settings.WEBHOOK_RETRY_SECONDS = [60]

    async def unknown(*_, **__):
        raise socket.gaierror

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", unknown)
    webhook = register(producer, url="https://nowhere.example.com/")
    rename("To nobody")
    deliver()
    assert webhook.shown()["deliveries"][0]["error"] == "The address's name is unknown."
