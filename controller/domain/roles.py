"""Who may do what: roles, permissions and the actions of the incident loop, as tables.

Law: a role has exactly the permissions listed here; nothing is inherited, nothing is implied. The
place (a civil code prefix) and the categories narrow a role further, in every query, in SQL.
Source: the county's roles (leader to auditor) and the "who" column of the transition table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Permission(StrEnum):
    """What a route or a command asks for."""

    READ = "read"
    """Boxes, devices, incidents, their history; the summary."""
    FEED = "feed"
    """The feed by cursor."""
    ACT = "act"
    """Take actions on incidents; which ones is decided by ``ACTIONS``."""
    EVIDENCE = "evidence"
    """See a still. Every view is audited."""
    SUBSCRIPTIONS = "subscriptions"
    """See and change webhook subscriptions and their deliveries."""
    ANOMALIES = "anomalies"
    """See what was refused at the door."""
    AUDIT = "audit"
    """Read the audit log."""
    UPLOAD = "upload"
    """Store evidence: boxes alone."""


class Role(StrEnum):
    """A kind of caller. ``box`` and ``api_client`` are machines and never sign in."""

    LEADER = "leader"
    COUNTY_DUTY = "county_duty"
    COUNTY_IT = "county_it"
    TOWN = "town"
    VILLAGE = "village"
    CONTRACTOR = "contractor"
    API_CLIENT = "api_client"
    AUDITOR = "auditor"
    BOX = "box"


PEOPLE: Final = frozenset(Role) - {Role.API_CLIENT, Role.BOX}
"""Roles an account may have."""

_P = Permission
MATRIX: Final[dict[Role, frozenset[Permission]]] = {
    Role.LEADER: frozenset({_P.READ, _P.EVIDENCE}),
    Role.COUNTY_DUTY: frozenset({_P.READ, _P.EVIDENCE, _P.ACT, _P.FEED}),
    Role.COUNTY_IT: frozenset({_P.READ, _P.EVIDENCE, _P.ACT, _P.FEED, _P.SUBSCRIPTIONS, _P.ANOMALIES}),
    Role.TOWN: frozenset({_P.READ, _P.EVIDENCE, _P.ACT}),
    Role.VILLAGE: frozenset({_P.READ, _P.EVIDENCE, _P.ACT}),
    Role.CONTRACTOR: frozenset({_P.READ, _P.EVIDENCE, _P.ACT}),
    Role.API_CLIENT: frozenset({_P.READ, _P.FEED, _P.EVIDENCE, _P.ACT}),
    Role.AUDITOR: frozenset({_P.AUDIT, _P.ANOMALIES}),
    Role.BOX: frozenset({_P.UPLOAD}),
}

ROLE_CATEGORIES: Final[dict[Role, tuple[str, ...]]] = {Role.CONTRACTOR: ("10",)}
"""Category prefixes a role is limited to, whatever its account says; absent means all."""

_DUTY = frozenset({Role.COUNTY_DUTY})
_DESK = _DUTY | {Role.COUNTY_IT}
_HANDLERS = frozenset({Role.TOWN, Role.VILLAGE, Role.CONTRACTOR, Role.API_CLIENT, Role.COUNTY_IT})
_CHECKERS = frozenset({Role.COUNTY_DUTY, Role.COUNTY_IT, Role.TOWN, Role.VILLAGE})

ACTIONS: Final[dict[str, frozenset[Role]]] = {
    "accept": _DESK,
    "reject": _DESK,
    "assign": _DESK,
    "sign": _HANDLERS,
    "return": _HANDLERS,
    "feed_back": _HANDLERS,
    "verify": _CHECKERS,
    "rework": _CHECKERS,
    "evaluate": frozenset({Role.TOWN, Role.VILLAGE, Role.COUNTY_DUTY}),
    "close": _DESK,
    "reopen": _DESK,
    "cancel": _DUTY,
}
"""Who may take which action of the incident loop. An action that is not listed is nobody's."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The part of the county a caller sees.

    ``place`` is a civil code prefix: ``610522`` is the county, ``610522101`` a town, "" everything.
    ``categories`` are prefixes of category codes; empty means all. What has no category of its own
    (a device's verdict, a box's state) counts as device maintenance, 10.
    """

    place: str = ""
    categories: tuple[str, ...] = ()

    def admits(self, civil_code: str, category: str | None) -> bool:
        """The same rule as the SQL clauses, for one thing already in hand."""
        code = category or "10"
        return civil_code.startswith(self.place) and (
            not self.categories or any(code.startswith(prefix) for prefix in self.categories)
        )


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking: a signed-in account, an API client, or a box."""

    role: Role
    name: str
    """``account:duty``, ``client:cases110`` or ``box:b1``: goes into history and audit as it is."""
    scope: Scope
    title: str = ""
    remote: str = ""
    """Network peer, for the audit log."""
    session: str | None = None

    def may(self, permission: Permission) -> bool:
        return permission in MATRIX[self.role]

    def may_act(self, action: str) -> bool:
        return self.may(Permission.ACT) and self.role in ACTIONS.get(action, frozenset())


def scope_of(role: Role, *, place: str, categories: tuple[str, ...]) -> Scope:
    """An account's or client's scope, narrowed by what its role is limited to.

    >>> scope_of(Role.CONTRACTOR, place="610522", categories=("20",)).categories
    ('none',)
    """
    limits = ROLE_CATEGORIES.get(role)
    if limits is None:
        return Scope(place, categories)
    if not categories:
        return Scope(place, limits)
    narrowed = tuple(c for c in categories if any(c.startswith(limit) for limit in limits))
    return Scope(place, narrowed or ("none",))
