"""Proves from raw tables that nothing the boxes wrote was lost, and that nothing counted twice.

Law: shares no line with the product. It knows file names, tables and the published rules of the log
(canonical JSON, SHA-256 over it, one count an episode), and opens everything read-only with sqlite3 alone.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

INCIDENT_PREFIX = "outpost.incident."
QUIET_ACTIONS = ("count", "box_offline")
"""History rows that have no feed entry: nothing changed for anybody outside."""


@dataclass(slots=True)
class Box:
    """One box's log as its own file has it."""

    name: str
    epoch: str
    last: int
    acknowledged: int
    entries: dict[int, dict[str, Any]]
    hashes: dict[int, str]


@dataclass(slots=True)
class Findings:
    """What was counted, and every violation in one line."""

    counts: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def blame(self, law: str, who: str, what: str) -> None:
        self.violations.append(f"{law}: {who}: {what}")


def audit(
    *, outboxes: Mapping[str, Path], centre: Path, desk: Path, at_least: Mapping[str, int] | None = None
) -> Findings:
    """Look at everything once nobody writes any more.

    ``at_least``: for each box the sequence that must have been applied (what it had written when the last
    disturbance was over); beyond it a box that was then stopped may have written what it could not send.
    """
    findings = Findings()
    boxes = [read_box(name, path) for name, path in outboxes.items()]
    with closing(_open(centre)) as db, closing(_open(desk)) as received:
        for box in boxes:
            _logs(db, box, (at_least or {}).get(box.name, 0), findings)
            _devices(db, box, findings)
            _intrusions(db, box, findings)
        _anomalies(db, findings)
        _feed(db, findings)
        _incidents(db, findings)
        _verdicts(db, findings)
        _intervals(db, findings)
        _received(db, received, findings)
    findings.counts["boxes"] = len(boxes)
    return findings


def read_box(name: str, path: Path) -> Box:
    """A box's raw outbox file."""
    with closing(_open(path)) as db:
        meta = dict(db.execute("SELECT key, value FROM meta").fetchall())
        rows = db.execute("SELECT sequence, body FROM entry ORDER BY sequence").fetchall()
    entries = {sequence: json.loads(body) for sequence, body in rows}
    hashes = {sequence: hash_of(entry) for sequence, entry in entries.items()}
    return Box(name, meta["epoch"], int(meta["next_sequence"]) - 1, int(meta["upto"]), entries, hashes)


def hash_of(entry: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical form: sorted keys, no white space, UTF-8, without ``mac``."""
    body = {key: value for key, value in entry.items() if key != "mac"}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    db.row_factory = sqlite3.Row
    return db


# --- the logs: nothing lost, nothing twice, in order -------------------------------------------------


def _logs(db: sqlite3.Connection, box: Box, at_least: int, findings: Findings) -> None:
    law = "log"
    missing_here = [n for n in range(1, box.last + 1) if n not in box.entries]
    if missing_here:
        findings.blame(law, box.name, f"its own file has holes at {missing_here[:5]}")
    stored = db.execute(
        "SELECT epoch, sequence, body_hash FROM entry WHERE box_id = ? ORDER BY epoch, sequence", (box.name,)
    ).fetchall()
    foreign = sorted({row["epoch"] for row in stored} - {box.epoch})
    if foreign:
        findings.blame(law, box.name, f"entries of epochs it never had: {foreign}")
    times = Counter(row["sequence"] for row in stored)
    for sequence, count in times.items():
        if count > 1:
            findings.blame(law, box.name, f"entry {sequence} is stored {count} times")
    for row in stored:
        if box.hashes.get(row["sequence"]) != row["body_hash"]:
            findings.blame(law, box.name, f"entry {row['sequence']} is not what the box wrote")
    position = db.execute(
        "SELECT upto, highest FROM position WHERE box_id = ? AND epoch = ?", (box.name, box.epoch)
    ).fetchone()
    upto = position["upto"] if position is not None else 0
    lost = [n for n in range(1, upto + 1) if n not in times]
    if lost:
        findings.blame(law, box.name, f"applied up to {upto} without {lost[:5]}")
    if position is not None and position["highest"] != upto:
        findings.blame(law, box.name, f"received up to {position['highest']}, applied only up to {upto}")
    if upto < at_least:
        findings.blame(law, box.name, f"applied up to {upto} of {at_least}: {at_least - upto} lost")
    if box.acknowledged > upto:
        findings.blame(law, box.name, f"holds {box.acknowledged} for acknowledged, the centre has {upto}")
    _add(findings, "entries written", box.last)
    _add(findings, "entries applied", upto)
    _add(findings, "written while stopping", box.last - upto)


def _devices(db: sqlite3.Connection, box: Box, findings: Findings) -> None:
    """The last health entry applied is what the centre holds: later ones did not come before earlier ones."""
    upto = _upto(db, box)
    last: dict[str, dict[str, Any]] = {}
    for sequence in sorted(box.entries):
        entry = box.entries[sequence]
        if sequence <= upto and entry["type"].startswith("outpost.device.health."):
            last[entry["subject"]] = entry["data"]
    held = {
        row["id"]: (row["rung"], row["reason"])
        for row in db.execute("SELECT id, rung, reason FROM device WHERE box_id = ?", (box.name,))
    }
    for device, data in last.items():
        if held.get(device) != (data["rung"], data["reason"]):
            said = (data["rung"], data["reason"])
            findings.blame("state", device, f"its box last wrote {said}, the centre holds {held.get(device)}")
    _add(findings, "devices", len(last))


def _intrusions(db: sqlite3.Connection, box: Box, findings: Findings) -> None:
    """Each episode counts once: applied twice it would count twice, lost it would not count."""
    upto = _upto(db, box)
    wanted: Counter[str] = Counter()
    before: dict[str, str] = {}
    for sequence in sorted(box.entries):
        entry = box.entries[sequence]
        if sequence > upto or not _is_intrusion(entry):
            continue
        device, episode = entry["subject"], entry["data"]["episode"]
        if before.get(device) != episode:
            wanted[device] += 1
        before[device] = episode
    rows = db.execute(
        "SELECT device_id, sum(count) AS counted FROM incident WHERE box_id = ? AND category = '2001'"
        " GROUP BY device_id",
        (box.name,),
    )
    counted = {row["device_id"]: row["counted"] for row in rows}
    if dict(wanted) != counted:
        findings.blame("effect", box.name, f"intrusions written {dict(wanted)}, counted {counted}")
    _add(findings, "intrusions", sum(wanted.values()))


def _is_intrusion(entry: Mapping[str, Any]) -> bool:
    data = entry["data"]
    return (
        entry["type"].startswith("outpost.scene.")
        and str(data.get("topic", "")).endswith("/ObjectsInside")
        and data.get("phase") != "end"
        and bool(str(data.get("zone", "")).strip())
    )


def _upto(db: sqlite3.Connection, box: Box) -> int:
    row = db.execute(
        "SELECT upto FROM position WHERE box_id = ? AND epoch = ?", (box.name, box.epoch)
    ).fetchone()
    return int(row["upto"]) if row is not None else 0


def _anomalies(db: sqlite3.Connection, findings: Findings) -> None:
    for row in db.execute("SELECT box_id, refusal, what, count FROM anomaly"):
        findings.blame("anomaly", str(row["box_id"]), f"{row['refusal']} x{row['count']}: {row['what']}")


# --- what follows from the logs: feed, incidents, verdicts, intervals ----------------------------------


def _feed(db: sqlite3.Connection, findings: Findings) -> None:
    rows = db.execute("SELECT position, id, body FROM feed ORDER BY position").fetchall()
    head = db.execute("SELECT position FROM feed_head").fetchone()["position"]
    if [row["position"] for row in rows] != list(range(1, head + 1)):
        findings.blame("feed", "positions", f"{len(rows)} entries are not 1 to {head} without a gap")
    for row in rows:
        if json.loads(row["body"])["id"] != row["id"]:
            findings.blame("feed", f"position {row['position']}", "its body bears another id")
    findings.counts["feed entries"] = len(rows)


def _incidents(db: sqlite3.Connection, findings: Findings) -> None:
    incidents = db.execute("SELECT * FROM incident").fetchall()
    histories: dict[str, list[sqlite3.Row]] = defaultdict(list)
    for row in db.execute("SELECT * FROM incident_history ORDER BY incident_id, number"):
        histories[row["incident_id"]].append(row)
    told: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for body in _bodies(db):
        if body["type"].startswith(INCIDENT_PREFIX):
            told[body["data"]["incident"]].append((body["data"]["number"], body["data"]["action"]))
    open_about = Counter(
        (row["category"], row["box_id"], row["device_id"])
        for row in incidents
        if row["state"] not in ("CLOSED", "REJECTED", "MERGED", "CANCELLED")
    )
    for about, count in open_about.items():
        if count > 1:
            findings.blame("incident", str(about), f"{count} are open about the same")
    for row in incidents:
        _history(row, histories[row["id"]], told[row["id"]], findings)
    for orphan in sorted(set(told) - {row["id"] for row in incidents}):
        findings.blame("incident", orphan, "told in the feed, not in the table")
    findings.counts["incidents"] = len(incidents)


def _history(
    incident: sqlite3.Row, rows: list[sqlite3.Row], told: list[tuple[int, str]], findings: Findings
) -> None:
    who = incident["case_no"]
    if [row["number"] for row in rows] != list(range(1, len(rows) + 1)):
        findings.blame("incident", who, "its history has a hole")
    states = [(row["from_state"], row["to_state"]) for row in rows]
    for (_, reached), (left, _) in pairwise(states):
        if reached != left:
            findings.blame("incident", who, f"jumps from {reached} to {left}")
    if not rows or rows[-1]["to_state"] != incident["state"]:
        findings.blame("incident", who, f"stands at {incident['state']}, its history says otherwise")
    if sum(row["action"] == "open" for row in rows) != 1:
        findings.blame("incident", who, "was not opened exactly once")
    wanted = [(row["number"], row["action"]) for row in rows if row["action"] not in QUIET_ACTIONS]
    if wanted != told:
        findings.blame("incident", who, f"history {wanted} and feed {told} differ")


def _verdicts(db: sqlite3.Connection, findings: Findings) -> None:
    """Each verdict in the feed follows from the one before it: none applied twice, none left out."""
    stands: dict[str, tuple[str, str]] = {}
    for body in _bodies(db):
        data = body["data"]
        if body["type"].startswith("outpost.device.verdict."):
            subject = data["device"]["id"]
        elif body["type"].startswith("outpost.box.state."):
            subject = data["box"]
        else:
            continue
        before = (data["previous"]["verdict"], data["previous"]["reason"])
        if stands.get(subject, ("unknown", "starting")) != before:
            findings.blame("verdict", subject, f"left {before}, but stood at {stands.get(subject)}")
        stands[subject] = (data["verdict"], data["reason"])
    for table in ("device", "box"):
        for row in db.execute(f"SELECT id, verdict, verdict_reason FROM {table}"):
            now = (row["verdict"], row["verdict_reason"])
            if stands.get(row["id"], ("unknown", "starting")) != now:
                findings.blame(
                    "verdict", row["id"], f"stands at {now}, the feed says {stands.get(row['id'])}"
                )
    findings.counts["subjects with a verdict"] = len(stands)


def _intervals(db: sqlite3.Connection, findings: Findings) -> None:
    rows = db.execute("SELECT * FROM interval ORDER BY subject_kind, subject_id, from_at, id").fetchall()
    by_subject: dict[tuple[str, str], list[sqlite3.Row]] = defaultdict(list)
    for row in rows:
        by_subject[row["subject_kind"], row["subject_id"]].append(row)
    for (_, subject), stretches in by_subject.items():
        for one, following in pairwise(stretches):
            if one["to_at"] != following["from_at"]:
                findings.blame("interval", subject, f"{one['to_at']} and {following['from_at']} do not meet")
        if [row["to_at"] for row in stretches].count(None) != 1 or stretches[-1]["to_at"] is not None:
            findings.blame("interval", subject, "not exactly one open interval at the end")
    findings.counts["intervals"] = len(rows)


# --- the case system -----------------------------------------------------------------------------------


def _received(db: sqlite3.Connection, desk: sqlite3.Connection, findings: Findings) -> None:
    sent = {
        row["id"]: hashlib.sha256(row["body"].encode()).hexdigest()
        for row in db.execute("SELECT id, type, body FROM feed ORDER BY position")
        if row["type"].startswith(INCIDENT_PREFIX)
    }
    rows = desk.execute("SELECT id, repeats, conflicts, sha256 FROM received ORDER BY number").fetchall()
    got = {row["id"]: row["sha256"] for row in rows}
    for identity in sent.keys() - got.keys():
        findings.blame("case system", identity, "never arrived")
    for identity in got.keys() - sent.keys():
        findings.blame("case system", identity, "arrived and is not in the feed")
    for row in rows:
        if row["conflicts"] or sent.get(row["id"], row["sha256"]) != row["sha256"]:
            findings.blame("case system", row["id"], "arrived with another body")
    findings.counts["case system entries"] = len(rows)
    findings.counts["deliveries repeated"] = sum(row["repeats"] for row in rows)


def _bodies(db: sqlite3.Connection) -> Iterator[dict[str, Any]]:
    for row in db.execute("SELECT body FROM feed ORDER BY position"):
        yield json.loads(row["body"])


def _add(findings: Findings, name: str, count: int) -> None:
    findings.counts[name] = findings.counts.get(name, 0) + count
