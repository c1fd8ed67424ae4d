"""What a text is in place of an IP address."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from importer.text import quoted

_NOT_PUBLIC: Final = tuple(
    map(IPv4Network, ("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"))
) + tuple(map(IPv4Network, ("172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3")))
_NOT_PUBLIC_6: Final = tuple(map(IPv6Network, ("::/127", "fc00::/7", "fe80::/10", "ff00::/8")))
"""Networks whose addresses nobody has on the internet. Those for documentation are not among them: a sample
file shows them in place of public ones."""

_OFF: Final = "0"
"""Turns the look-up of a place off, as the number 0 does."""

_WITH_PORT: Final = re.compile(r"\[([^\]]+)\](?::\d+)?|([^:\s]+):\d+")
_SEPARATORS: Final = re.compile(r"[\s,;|]+")


def note_on_ip(text: str) -> str:
    """Return what a text is, if it is no IP address; empty if it is one.

    The address of a list or of an address with a port is named, never taken: which of a list of forwarded
    addresses is that of the user depends on who wrote the list.
    """
    if text == _OFF or _address(text) is not None:
        return ""
    first = forwarded(text)
    if first:
        return f"ip: {quoted(text)} is a list of addresses, of which {first} is the first public one"
    alone = _without_port(text)
    if alone != text and _address(alone) is not None:
        return f"ip: {quoted(text)} is no address; {alone} in it is one"
    return f"ip: {quoted(text)} is no address"


def forwarded(text: str) -> str:
    """Return the first public address of a list of addresses; empty if a text is no such list."""
    parts = [part for part in _SEPARATORS.split(text) if part]
    if len(parts) < 2:  # noqa: PLR2004 - one is no list
        return ""
    for part in map(_without_port, parts):
        address = _address(part)
        if address is not None and _is_public(address):
            return part
    return ""


def _address(text: str) -> IPv4Address | IPv6Address | None:
    if not text.isascii():  # which ipaddress takes for digits
        return None
    try:
        return ip_address(text)
    except ValueError:
        return None


def _without_port(text: str) -> str:
    found = _WITH_PORT.fullmatch(text)
    return text if found is None else found[1] or found[2]


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC)
    if address.ipv4_mapped is not None:
        return _is_public(address.ipv4_mapped)
    return not any(address in network for network in _NOT_PUBLIC_6)
