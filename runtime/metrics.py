"""Metrics of the plumbing, in one place. Base units, bounded labels."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

WORKER_FAILURES = Counter("outpost_worker_failures", "Expected failures of a background loop.", ["worker"])
WORKER_BUGS = Counter("outpost_worker_bugs", "Unexpected exceptions of a background loop.", ["worker"])
LINK_CONNECTED = Gauge("outpost_link_connected", "1 while the MQTT link is up.")
LINK_CONNECTS = Counter("outpost_link_connects", "MQTT connections made.")
LINK_CONNECT_FAILURES = Counter("outpost_link_connect_failures", "MQTT connections that could not be made.")
LINK_BYTES = Counter("outpost_link_bytes", "MQTT payload bytes.", ["direction"])
LINK_REFUSED = Counter(
    "outpost_link_refused_publishes", "Publishes the broker answered with a reason code >= 0x80."
)
