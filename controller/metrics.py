"""Metrics of the centre, in one place. Base units, bounded labels."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

REFUSED = Counter("outpost_refused", "Messages and entries not let in, by reason.", ["refusal"])
ENTRIES = Counter("outpost_entries", "Log entries by what became of them.", ["outcome"])
"""stored; of these applied, waiting (behind a gap) or late (below what was applied); duplicate, conflict
(another body than before); declared_lost (by the box's gap records); shed (never
written by a filling outbox: its shed records)."""
MESSAGES = Counter("outpost_messages", "MQTT messages received, by class of topic.", ["kind"])
INGEST_SECONDS = Histogram(
    "outpost_ingest_seconds",
    "From receipt of a log message to its commit.",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
INGEST_RETRIES = Counter("outpost_ingest_retries", "Log messages whose transaction had to be tried again.")
INGEST_GIVEN_UP = Counter(
    "outpost_ingest_given_up", "Messages left to be sent again by their box after bugs."
)
GAPS = Counter("outpost_gaps_seen", "Log messages after which a gap kept entries waiting.")
TRANSITIONS = Counter("outpost_incident_transitions", "Steps of incidents, by action.", ["action"])
BOXES = Gauge("outpost_boxes", "Boxes by whether they are online.", ["state"])
DEVICES = Gauge("outpost_devices", "Devices by verdict.", ["verdict"])
INCIDENTS_OPEN = Gauge("outpost_incidents_open", "Open incidents by category.", ["category"])
CLOCK_JUMPS = Counter("outpost_clock_jumps", "Jumps of the centre's wall clock.")

# --- doors -------------------------------------------------------------------------------------

FEED_DELIVERIES = Counter("outpost_feed_deliveries", "Webhook attempts by what they came to.", ["answer"])
FEED_LAG = Gauge(
    "outpost_feed_lag_seconds", "Age of the entry a subscription is at; 0 when it is up.", ["subscription"]
)
EVIDENCE_UPLOADS = Counter(
    "outpost_evidence_uploads", "Stills and clips that boxes sent, by outcome.", ["outcome"]
)
EVIDENCE_CLOCK_WARNINGS = Counter(
    "outpost_evidence_clock_warnings", "Uploads whose time stamp is over 300 s off the centre's clock."
)
