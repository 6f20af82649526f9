"""The audit chain: whatever is done to the rows afterwards, the first bad one is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.domain.chain import GENESIS, AuditRow, first_break, row_hash

Log = list[tuple[AuditRow, str]]


def log_of(length: int) -> tuple[Log, tuple[int, str]]:
    rows: Log = []
    previous = GENESIS
    for number in range(1, length + 1):
        row = AuditRow(number, "2025-11-23T01:05:12.000Z", "account:duty", "sign_in", f"s{number}", "{}", "")
        previous = row_hash(previous, row)
        rows.append((row, previous))
    return rows, (length, previous)


@pytest.mark.parametrize("length", [0, 1, 5])
def test_an_untouched_log_holds(length: int) -> None:
    rows, head = log_of(length)
    assert first_break(rows, head=head) is None


@pytest.mark.parametrize("field", ["at", "actor", "action", "subject", "detail", "remote"])
def test_a_changed_field_is_found(field: str) -> None:
    rows, head = log_of(5)
    rows[2] = (replace(rows[2][0], **{field: "other"}), rows[2][1])  # type: ignore[arg-type]
    broken = first_break(rows, head=head)
    assert broken is not None
    assert broken.number == 3


def test_a_changed_row_with_a_fresh_hash_breaks_its_successor() -> None:
    rows, head = log_of(5)
    forged = replace(rows[2][0], actor="account:nobody")
    rows[2] = (forged, row_hash(rows[1][1], forged))
    broken = first_break(rows, head=head)
    assert broken is not None
    assert broken.number == 4


def test_a_removed_row_is_named() -> None:
    rows, head = log_of(5)
    del rows[1]
    broken = first_break(rows, head=head)
    assert broken is not None
    assert broken.number == 2


def test_a_cut_tail_is_found_by_the_head() -> None:
    rows, head = log_of(5)
    broken = first_break(rows[:3], head=head)
    assert broken is not None
    assert broken.number == 4


def test_swapped_rows_are_found() -> None:
    rows, head = log_of(5)
    rows[1], rows[2] = rows[2], rows[1]
    broken = first_break(rows, head=head)
    assert broken is not None
    assert broken.number == 2
