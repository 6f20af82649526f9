"""Whether a database keeps the laws the centre promises. Reads only; says who, what, and which value.

1 acknowledged means committed · 2 logs applied once, in order, without gaps · 3 nothing is known and no
incident is opened behind a dark box · 4 one open interval, no overlap, no hole · 5 incidents move along
the table, with one history row and one feed entry a step · 6 the feed has no gaps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from controller.db import checking
from controller.db.incidents import HistoryRow
from controller.db.transaction import Store
from controller.domain.incidents import TRANSITIONS, Action, Note, State
from controller.domain.intervals import faults
from controller.services.incidents import SILENT_NOTES


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken law: its number in the design, whose, and how."""

    invariant: int
    subject: str
    what: str

    def __str__(self) -> str:
        return f"invariant={self.invariant} subject={self.subject} {self.what}"


def violations(store: Store) -> list[Violation]:
    """Everything that is wrong; empty when nothing is. Looks at one consistent state of the database."""
    with store.snapshot() as connection:
        return [
            *_logs(checking.logs(connection)),
            *_darkness(checking.known_behind_dark_boxes(connection), checking.opened_in_the_dark(connection)),
            *_timelines(checking.timelines(connection)),
            *_incidents(checking.histories(connection)),
            *(
                Violation(5, f"box {box} device {device}", f"more than one open incident of {category}")
                for category, box, device in checking.doubly_open(connection)
            ),
            *_feed(*checking.feed_numbers(connection)),
        ]


def _logs(logs: Iterator[checking.LogState]) -> Iterator[Violation]:
    for log in logs:
        subject = f"box {log.box_id} epoch {log.epoch}"
        if log.top > log.highest:
            yield Violation(1, subject, f"entry {log.top} is stored, the position knows only {log.highest}")
        for first, last in log.holes:
            yield Violation(2, subject, f"applied up to {log.upto} without {first} to {last}")
        if log.next_stored:
            yield Violation(2, subject, f"entry {log.upto + 1} is stored and was not applied")


def _darkness(known: list[tuple[str, str, str]], opened: list[tuple[str, str]]) -> Iterator[Violation]:
    for box, device, verdict in known:
        yield Violation(3, f"device {device}", f"is {verdict} although box {box} is unreachable")
    for incident, box in opened:
        yield Violation(3, f"incident {incident}", f"was opened while box {box} was unreachable")


def _timelines(timelines: Iterator[checking.Timeline]) -> Iterator[Violation]:
    for timeline in timelines:
        subject = f"{timeline.kind} {timeline.subject}"
        for fault in faults(timeline.stretches):
            yield Violation(4, subject, fault)
        if timeline.verdict is None:
            yield Violation(4, subject, "has intervals and no row")
        elif timeline.stretches:
            standing = timeline.stretches[-1].standing
            if (standing.verdict, standing.reason) != (timeline.verdict, timeline.reason):
                now = f"{timeline.verdict}({timeline.reason})"
                yield Violation(
                    4, subject, f"is {now}, its open interval says {standing.verdict}({standing.reason})"
                )


def _incidents(histories: Iterator[tuple[str, str, list[HistoryRow], int]]) -> Iterator[Violation]:
    for incident_id, state, rows, announced in histories:
        subject = f"incident {incident_id}"
        yield from (Violation(5, subject, what) for what in _history_faults(state, rows))
        due = sum(1 for row in rows if row.action not in SILENT_NOTES)
        if announced != due:
            yield Violation(5, subject, f"has {announced} feed entries for {due} steps")


def _history_faults(state: str, rows: list[HistoryRow]) -> Iterator[str]:
    before: str | None = None
    for expected, row in enumerate(rows, start=1):
        if row.number != expected:
            yield f"history row {expected} is missing"
            return
        if row.from_state != before:
            yield f"row {row.number} begins at {row.from_state}, the one before ended at {before}"
        if not _along_the_table(row):
            yield f"row {row.number}: {row.action} does not lead from {row.from_state} to {row.to_state}"
        before = row.to_state
    if before != state:
        yield f"is {state}, its history ends at {before}"


def _along_the_table(row: HistoryRow) -> bool:
    if row.action in set(Note):
        return row.from_state == row.to_state
    if row.action not in set(Action):
        return False
    begun = State(row.from_state) if row.from_state is not None else None
    step = TRANSITIONS.get((begun, Action(row.action)))
    return step is not None and step.to == row.to_state


def _feed(head: int, first: int, last: int, count: int) -> Iterator[Violation]:
    if last != head:
        yield Violation(6, "feed", f"the head is at {head}, the last entry at {last}")
    if count and count != last - first + 1:
        yield Violation(
            6, "feed", f"{last - first + 1 - count} positions are missing between {first} and {last}"
        )
