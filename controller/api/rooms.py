"""What the handlers need, made once by ``controller.app`` and handed in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request

from controller.db.transaction import Store
from controller.services.acting import Acting
from controller.services.bell import Bell
from controller.services.evidence import EvidenceStore
from controller.services.sign_in import SignIn
from controller.services.subscriptions import Subscriptions
from runtime.clock import Clock


@dataclass(frozen=True, slots=True)
class Trial:
    """What a test delivery came to."""

    delivered: bool
    status: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Rooms:
    """The use cases and the ways to read, for handlers of API and page."""

    store: Store
    clock: Clock
    bell: Bell
    sign_in: SignIn
    acting: Acting
    evidence: EvidenceStore
    subscriptions: Subscriptions
    try_subscription: Callable[[str], Trial]
    """Send a test event to one subscription, now. Raises Refused(not_found)."""
    subscriptions_changed: Callable[[], None]
    """Tell the sender to look at the subscriptions again."""
    title: str = "县综治中心"
    """Name on the page."""
    secure_cookies: bool = True
    public_url: str | None = None
    """How callers reach the centre when it is not what they put into ``Host``."""


def rooms_of(request: Request) -> Rooms:
    """The rooms of the application that answers ``request``."""
    rooms = request.app.state.rooms
    assert isinstance(rooms, Rooms)
    return rooms
