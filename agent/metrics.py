"""Every metric of the box, in one place. Base units, bounded labels."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

DEVICES = Gauge("outpost_device_rungs", "Devices by evidence rung.", ["rung"])
CLIMBS = Counter(
    "outpost_ladder_climbs", "Climbs of the evidence ladder, by reason they ended with.", ["reason"]
)
CLIMB_SECONDS = Histogram("outpost_ladder_climb_seconds", "Wall time of one climb.")
DEVICE_MOVES = Counter("outpost_device_moves", "Devices followed to another address.", ["what"])
SCENE_EVENTS = Counter("outpost_scene_events", "Scene events written, by who saw them.", ["seen_by"])
EVENT_NOTES = Counter(
    "outpost_event_notes",
    "Renewals at cameras' event services, and what was not passed on.",
    ["kind"],
)
CAMERA_EVENTS = Counter("outpost_camera_events", "Notifications of cameras.", ["outcome"])
PASSAGE_REPORTS = Counter(
    "outpost_passage_reports",
    "Reports of counting devices: in time, more than 60 s late, or without a usable time.",
    ["outcome"],
)
SILENT_DEVICES = Gauge("outpost_silent_devices", "Counting devices that tell improbably few passages.")
TOURS_STOPPED = Gauge("outpost_tours_stopped", "Heads that do not go on their tour.")
STREAMS = Gauge("outpost_streams", "Streams by state.", ["state"])
STREAM_MODES = Gauge(
    "outpost_stream_modes",
    "Streams that are up, by where their pictures come from while nothing is there: key frames, key frames "
    "asked for, one picture a second.",
    ["mode"],
)
STREAMS_RUNNING = Gauge("outpost_streams_running", "Streams of which every packet is decoded now.")
STREAM_LAG = Gauge("outpost_stream_lag_seconds", "How far the judging of the slowest stream is behind.")
PICTURES = Counter("outpost_pictures", "Pictures of streams that were decoded, and judged.", ["what"])
STREAM_TROUBLES = Counter(
    "outpost_stream_troubles", "Times a stream stopped being readable, by reason.", ["reason"]
)
SIGHT_PACKETS = Counter("outpost_sight_packets", "Packets of all streams.")
SIGHT_CPU = Gauge("outpost_sight_cpu_ratio", "Share of all cores the process used in the last window.")
SIGHT_MEMORY = Gauge("outpost_sight_memory_bytes", "Memory of the process, as the governor measures it.")
SIGHT_SHED_LEVEL = Gauge("outpost_sight_shed_level", "0: every stream is judged in full.")
SIGHT_STEPS = Gauge("outpost_sight_streams_at_step", "Streams by how they are judged.", ["step"])
SIGHT_CHANGES = Counter(
    "outpost_sight_shed_changes",
    "Changes of the level, less or more, by what was last at its bound.",
    ["way", "cause"],
)
QUALITY_ROUNDS = Counter(
    "outpost_quality_rounds", "Rounds of picture quality, one a camera, by what they were.", ["outcome"]
)
REFERENCES = Gauge("outpost_stored_views", "Stored views of the cameras, by light.", ["light"])
PRESET_CHECKS = Counter(
    "outpost_preset_checks", "Checks whether heads turn to their presets, by what was found.", ["outcome"]
)
HEADS_STUCK = Gauge("outpost_heads_stuck", "Heads that do not turn to their presets (V13).")
OUTBOX_ROWS = Gauge("outpost_outbox_rows", "Entries kept in the outbox.")
OUTBOX_OLDEST = Gauge(
    "outpost_outbox_oldest_seconds", "Age of the oldest entry the centre has not acknowledged."
)
OUTBOX_DROPPED = Counter(
    "outpost_outbox_dropped", "Entries given up; each stands in a gap record.", ["reason"]
)
OUTBOX_BROKEN = Counter("outpost_outbox_broken", "Damaged outbox files moved aside at a start.")
ENTRIES_SENT = Counter("outpost_entries_sent", "Entries handed to the broker, repetitions included.")
REFUSED = Counter("outpost_orders_refused", "Downward messages not let in.", ["refusal"])
CLIPS = Counter("outpost_clips", "Clips of scene events, by what became of them.", ["outcome"])
STILLS_WAITING = Gauge("outpost_stills_waiting", "Stills and clips waiting for upload.")
STILLS_DROPPED = Counter(
    "outpost_stills_dropped", "Stills and clips given up because the spool was full or refused."
)
