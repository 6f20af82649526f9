"""Webhook subscriptions and what became of each entry they were sent."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Request, Response

from controller.api.access import Subscriber
from controller.api.models import (
    DeliveryOut,
    SubscriptionChange,
    SubscriptionIn,
    SubscriptionMade,
    SubscriptionOut,
    TrialOut,
)
from controller.api.pages import Cursor, Limit, Listing, link_next, seal, unseal, unseal_number
from controller.api.rooms import Rooms, rooms_of
from controller.api.routes.incidents import version_of
from controller.db import subscriptions
from controller.db.subscriptions import Subscription
from controller.db.transaction import feed_position
from controller.domain.refusals import Refused
from controller.domain.roles import Scope

router = APIRouter(prefix="/v1/subscriptions", tags=["subscriptions"])


@router.get("", summary="Webhook subscriptions")
def listing(
    request: Request, response: Response, caller: Subscriber, limit: Limit = 100, cursor: Cursor = None
) -> Listing[SubscriptionOut]:
    rooms = rooms_of(request)
    after = None if cursor is None else unseal("subscriptions", cursor)
    with rooms.store.read() as connection:
        found = subscriptions.find(connection, within=caller.scope.place, after=after, limit=limit)
    following = seal("subscriptions", found[-1].id) if len(found) == limit else None
    link_next(request, response, following)
    return Listing(items=[_out(rooms, one) for one in found], next=following)


@router.post("", status_code=201, summary="Subscribe; the answer shows the signing secret this once")
def add(request: Request, caller: Subscriber, body: SubscriptionIn) -> SubscriptionMade:
    rooms = rooms_of(request)
    place = caller.scope.place if body.place is None else body.place
    if not place.startswith(caller.scope.place):
        raise Refused("not_permitted", zh="该地点不在您的管辖范围。", en="That place is not in yours.")
    added, secret = rooms.subscriptions.add(
        title=body.title,
        url=body.url,
        scope=Scope(place, tuple(body.categories)),
        types=tuple(body.types),
        actor=caller.name,
        from_start=body.from_start,
    )
    rooms.subscriptions_changed()
    return SubscriptionMade(**_out(rooms, added).model_dump(), secret=secret)


@router.get("/{subscription_id}", summary="One subscription; ETag is its version")
def one(request: Request, response: Response, caller: Subscriber, subscription_id: str) -> SubscriptionOut:
    rooms = rooms_of(request)
    found = _require(rooms, caller.scope, subscription_id)
    response.headers["etag"] = f'"{found.version}"'
    return _out(rooms, found)


@router.patch("/{subscription_id}", summary="Change it; If-Match carries the version")
def change(
    request: Request,
    caller: Subscriber,
    subscription_id: str,
    body: SubscriptionChange,
    if_match: Annotated[str | None, Header(max_length=40)] = None,
) -> SubscriptionOut:
    rooms = rooms_of(request)
    _require(rooms, caller.scope, subscription_id)
    changed = rooms.subscriptions.change(
        subscription_id,
        version=version_of(if_match),
        actor=caller.name,
        title=body.title,
        url=body.url,
        types=None if body.types is None else tuple(body.types),
        categories=None if body.categories is None else tuple(body.categories),
        active=body.active,
    )
    rooms.subscriptions_changed()
    return _out(rooms, changed)


@router.delete("/{subscription_id}", status_code=204, summary="Unsubscribe; its deliveries go with it")
def remove(request: Request, caller: Subscriber, subscription_id: str) -> None:
    rooms = rooms_of(request)
    _require(rooms, caller.scope, subscription_id)
    rooms.subscriptions.remove(subscription_id, actor=caller.name)
    rooms.subscriptions_changed()


@router.post("/{subscription_id}/test", summary="Send one test event now and say what came back")
def trial(request: Request, caller: Subscriber, subscription_id: str) -> TrialOut:
    rooms = rooms_of(request)
    _require(rooms, caller.scope, subscription_id)
    return TrialOut.model_validate(rooms.try_subscription(subscription_id))


@router.get("/{subscription_id}/deliveries", summary="What became of the entries, newest first")
def deliveries(
    request: Request,
    response: Response,
    caller: Subscriber,
    subscription_id: str,
    state: Annotated[Literal["delivered", "waiting", "dead"] | None, Query()] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Listing[DeliveryOut]:
    rooms = rooms_of(request)
    _require(rooms, caller.scope, subscription_id)
    before = None if cursor is None else unseal_number("deliveries", cursor)
    with rooms.store.read() as connection:
        rows = subscriptions.deliveries(connection, subscription_id, state=state, before=before, limit=limit)
    following = seal("deliveries", rows[-1]["position"]) if len(rows) == limit else None
    link_next(request, response, following)
    return Listing(items=[DeliveryOut.model_validate(dict(row)) for row in rows], next=following)


@router.post(
    "/{subscription_id}/deliveries/{position}/retry", status_code=202, summary="Try a dead letter again"
)
def retry(request: Request, caller: Subscriber, subscription_id: str, position: int) -> None:
    rooms = rooms_of(request)
    _require(rooms, caller.scope, subscription_id)
    rooms.subscriptions.revive(subscription_id, position, actor=caller.name)
    rooms.subscriptions_changed()


def _require(rooms: Rooms, scope: Scope, subscription_id: str) -> Subscription:
    with rooms.store.read() as connection:
        found = subscriptions.get(connection, subscription_id)
    if found is None or not found.scope.place.startswith(scope.place):
        raise Refused("not_found")
    return found


def _out(rooms: Rooms, found: Subscription) -> SubscriptionOut:
    with rooms.store.read() as connection:
        counts = subscriptions.counts(connection, found.id)
        behind = feed_position(connection) - found.position
    return SubscriptionOut(
        id=found.id,
        title=found.title,
        url=found.url,
        place=found.scope.place,
        categories=list(found.scope.categories),
        types=list(found.types),
        state=found.state,
        why=found.why,
        failures=found.failures,
        next_at=found.next_at,
        behind=max(0, behind),
        deliveries=counts,
        version=found.version,
        created_at=found.created_at,
    )
