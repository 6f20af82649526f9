"""The part of the county a caller sees, as SQL.

Law: a list is limited here, in the query, never afterwards; what is outside does not exist for the
caller (404, not 403).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, or_, true

from controller.db import tables
from controller.domain.roles import Scope

MAINTENANCE = "10"
"""Category class of what has no category of its own: verdicts of devices, states of boxes."""


def boxes_within(scope: Scope) -> ColumnElement[bool]:
    """Boxes (and, joined to them, devices) that ``scope`` admits: health is device maintenance."""
    if not _sees_health(scope):
        return false()
    return _place(tables.box.c.civil_code, scope)


def incidents_within(scope: Scope) -> ColumnElement[bool]:
    """Incidents that ``scope`` admits by place and category."""
    incident = tables.incident
    return and_(_place(incident.c.civil_code, scope), _category(incident.c.category, scope.categories))


def feed_within(scope: Scope) -> ColumnElement[bool]:
    """Feed entries that ``scope`` admits."""
    feed = tables.feed
    category = func.coalesce(feed.c.category, MAINTENANCE)
    return and_(_place(feed.c.civil_code, scope), _category(category, scope.categories))


def _place(column: ColumnElement[Any], scope: Scope) -> ColumnElement[bool]:
    return column.startswith(scope.place, autoescape=True) if scope.place else true()


def _category(column: ColumnElement[Any], prefixes: tuple[str, ...]) -> ColumnElement[bool]:
    if not prefixes:
        return true()
    return or_(*(column.startswith(prefix, autoescape=True) for prefix in prefixes))


def _sees_health(scope: Scope) -> bool:
    return not scope.categories or any(
        prefix.startswith(MAINTENANCE) or MAINTENANCE.startswith(prefix) for prefix in scope.categories
    )
