"""What goes wrong in a rehearsal: faults by their share of requests, in an order that a seed determines."""

from __future__ import annotations

import random
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from importer.errors import UsageError
from importer.text import nearest, quoted

EXAMPLE: Final = "429=5%,503=1%,lost-answer=1%,latency=200ms,rate=3000/min"

SHARES: Final = {
    "429": "slow down, nothing is taken",
    "503": "the server is busy, nothing is taken",
    "500": "the server fails, nothing is taken",
    "reset": "the connection is reset, nothing is taken",
    "lost-answer": "the events are taken, and the connection is reset ahead of the answer",
    "hang": "no answer at all, nothing is taken",
}
"""Faults that meet a share of the requests, and what they do."""

_KNOWN: Final = (*SHARES, "latency", "rate", "seed")
_REMEDY: Final = (
    f"Known are {', '.join(SHARES)} (shares of the requests in percent), latency (200ms, 1.5s),"
    f" rate (events: 3000/min, 50/s) and seed (a number). For example: --faults {EXAMPLE}"
)
_SECONDS: Final = {"ms": 0.001, "s": 1.0}
_PER_MINUTE: Final = {"min": 1, "s": 60}


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong, and how often.

    Attributes:
        shares: Percent of the requests that meet each fault, by its name.
        latency: Seconds by which each answer comes later.
        rate: Most events in any rolling minute, before 429; None for no limit.
        seed: Determines which requests meet which fault.
    """

    shares: Mapping[str, float] = field(default_factory=dict)
    latency: float = 0.0
    rate: int | None = None
    seed: int = 0

    def drawn(self, number: int) -> str:
        """Return the fault that a request meets; empty for none.

        Args:
            number: How many requests came before it.
        """
        draw = random.Random(f"{self.seed}:{number}").random() * 100  # noqa: S311 - a rehearsal, no secret
        for name, share in self.shares.items():
            draw -= share
            if draw < 0:
                return name
        return ""

    def __str__(self) -> str:
        parts = [f"{name}={share:g}%" for name, share in self.shares.items()]
        if self.latency:
            parts.append(f"latency={self.latency * 1000:g}ms")
        if self.rate is not None:
            parts.append(f"rate={self.rate}/min")
        return ",".join((*parts, f"seed={self.seed}"))


def _random_seed() -> int:
    return secrets.randbelow(1_000_000)


def parse_faults(text: str, random_seed: Callable[[], int] = _random_seed) -> Faults:
    """Return the faults of ``--faults``, such as ``429=5%,latency=200ms``.

    Args:
        text: As typed.
        random_seed: Makes a seed if the text has none.

    Raises:
        UsageError: The text has an unknown name, a wrong value, a name twice, or more than 100% in all.
    """
    values: dict[str, str] = {}
    for part in text.split(","):
        name, _, value = (word.strip().lower() for word in part.partition("="))
        if name not in _KNOWN:
            raise UsageError(f"--faults: {quoted(name)} is not known{nearest(name, _KNOWN)}", _REMEDY)
        if name in values:
            raise UsageError(f"--faults: {name} is named twice", "Leave one of them out.")
        values[name] = value
    shares = {name: _number(name, value, {"%": 1}) for name, value in values.items() if name in SHARES}
    if sum(shares.values()) > 100:  # noqa: PLR2004 - percent
        raise UsageError(
            f"--faults: the shares are {sum(shares.values()):g}% in all", "Let them add up to 100% at most."
        )
    rate = _number("rate", values["rate"], _PER_MINUTE, "/") if "rate" in values else None
    if rate is not None and rate < 1:
        raise _wrong("rate", values["rate"])
    return Faults(
        shares,
        _number("latency", values["latency"], _SECONDS) if "latency" in values else 0.0,
        None if rate is None else int(rate),
        int(_number("seed", values["seed"], {"": 1})) if "seed" in values else random_seed(),
    )


def _number(name: str, text: str, units: Mapping[str, float], between: str = "") -> float:
    """Return a number with its unit, in the unit whose factor is 1."""
    pattern = r"([0-9]{1,9}(?:\.[0-9]{1,6})?) ?" + between + f"({'|'.join(units)})"
    found = re.fullmatch(pattern, text)
    if found is None:
        raise _wrong(name, text)
    return float(found[1]) * units[found[2]]


def _wrong(name: str, text: str) -> UsageError:
    example = {"latency": "200ms", "rate": "3000/min", "seed": "7"}.get(name, "5%")
    return UsageError(f"--faults: {name}={text} can't be read: expected {name}={example}, say", _REMEDY)
