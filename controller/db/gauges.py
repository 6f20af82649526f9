"""How many there are of what, for the metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from controller.db.tables import CLOSED_STATES, box, device, incident


@dataclass(frozen=True, slots=True)
class Counts:
    """Boxes by online and offline, devices by verdict, open incidents by category."""

    boxes: Mapping[str, int]
    devices: Mapping[str, int]
    incidents: Mapping[str, int]


def counts(connection: Connection) -> Counts:
    by_online = connection.execute(
        select(box.c.online, func.count()).where(box.c.revoked.is_(False)).group_by(box.c.online)
    )
    by_verdict = connection.execute(
        select(device.c.verdict, func.count().label("number")).group_by(device.c.verdict)
    )
    by_category = connection.execute(
        select(incident.c.category, func.count().label("number"))
        .where(incident.c.state.not_in(CLOSED_STATES))
        .group_by(incident.c.category)
    )
    return Counts(
        boxes={"online" if online else "offline": number for online, number in by_online},
        devices={row.verdict: row.number for row in by_verdict},
        incidents={row.category: row.number for row in by_category},
    )
