"""Which addresses a search asks one by one, and which subnets it leaves out in part. Pure but for the log.

Law: each subnet is counted by itself, so that a large one never hides those after it; what is not asked is
told.
"""

from __future__ import annotations

import functools
import ipaddress
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from agent.devices import search_sentences

log = logging.getLogger(__name__)

MOST_SUBNETS = 16
"""As many as [search] has."""
MOST_OF_A_SUBNET = 1024
"""A /22."""
_MOST = MOST_SUBNETS * MOST_OF_A_SUBNET


@dataclass(frozen=True, slots=True)
class Plan:
    """``hosts`` in the order they are asked, each once; ``left`` are the subnets with addresses not asked."""

    hosts: tuple[str, ...]
    left: tuple[str, ...] = ()


def planned(subnets: Iterable[str], *, of_a_subnet: int = MOST_OF_A_SUBNET, most: int = _MOST) -> Plan:
    """At most ``of_a_subnet`` addresses of each and ``most`` of all. Raises ValueError for no IPv4 subnet."""
    hosts: dict[str, None] = {}
    left = []
    for subnet in subnets:
        network = ipaddress.IPv4Network(subnet, strict=False)
        room = min(of_a_subnet, most - len(hosts))
        some = list(islice(map(str, network.hosts()), room + 1))
        if len(some) > room:
            left.append(str(network))
        hosts.update(dict.fromkeys(some[:room]))
    return Plan(tuple(hosts), tuple(left))


@functools.lru_cache(maxsize=64)
def tell_left(left: tuple[str, ...]) -> None:
    """One line in the log for each set of subnets, not one a search."""
    if left:
        log.warning("%s", search_sentences.not_asked(left))
