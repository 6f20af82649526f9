"""Marks weighed against each other: the whole table, its laws, and the devices that broke simpler rules."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.marks import (
    MOST_MACS,
    TABLE,
    Marks,
    Match,
    Sign,
    common_of,
    compare,
    made,
    merged,
    read,
    recognised,
    written,
)

REF_A, REF_B = (
    "urn:uuid:11111111-2222-3333-4444-555555555555",
    "urn:uuid:99999999-2222-3333-4444-555555555555",
)
MAC_A, MAC_B = "44-19-B6-00-00-0A", "44-19-B6-00-00-0B"
A = made(reference=REF_A, vendor="Maker", serial="SN-0001", macs=[MAC_A])
B = made(reference=REF_B, vendor="Maker", serial="SN-0002", macs=[MAC_B])

pieces = st.builds(
    lambda reference, serial, macs: made(reference=reference, vendor="Maker", serial=serial, macs=macs),
    st.sampled_from(["", REF_A, REF_B]),
    st.sampled_from(["", "SN-0001", "SN-0002", "0000"]),
    st.lists(st.sampled_from([MAC_A, MAC_B, "44-19-B6-00-00-0C"]), max_size=2),
)


def test_every_way_three_marks_can_compare_is_decided() -> None:
    assert set(TABLE) == set(product(Sign, repeat=3))


def test_a_mark_that_agrees_more_never_makes_a_device_more_another_one() -> None:
    worth = {Match.OTHER: 0, Match.UNSURE: 1, Match.SAME: 2}
    for signs, match in TABLE.items():
        for place in range(3):
            if signs[place] is Sign.DIFFERENT:
                better = [*signs]
                better[place] = Sign.EQUAL
                assert worth[TABLE[better[0], better[1], better[2]]] >= worth[match], (signs, better)


def test_the_heavier_mark_decides_between_two() -> None:
    """reference > serial > MAC: where two contradict each other, never the lighter against the heavier."""
    worth = {Match.OTHER: 0, Match.UNSURE: 1, Match.SAME: 2}
    equal, different, absent = Sign.EQUAL, Sign.DIFFERENT, Sign.ABSENT
    assert worth[TABLE[equal, absent, different]] >= worth[TABLE[different, absent, different]]
    assert TABLE[different, different, equal] is Match.OTHER
    assert TABLE[equal, different, equal] is Match.SAME
    assert TABLE[different, equal, different] is Match.OTHER


@given(pieces, pieces)
def test_the_comparison_does_not_depend_on_which_is_known(one: Marks, two: Marks) -> None:
    assert compare(one, two) == compare(two, one)


@given(pieces)
def test_a_device_is_itself_unless_it_has_no_marks(one: Marks) -> None:
    assert compare(one, one).match is (Match.UNSURE if one.is_empty else Match.SAME)


@given(pieces, pieces)
def test_what_was_learnt_is_recognised_again(known: Marks, met: Marks) -> None:
    if compare(known, met).match is Match.SAME:
        after = merged(known, met)
        assert compare(after, met).match is Match.SAME
        assert len(after.macs) <= MOST_MACS


@given(pieces)
def test_marks_are_read_as_they_were_written(one: Marks) -> None:
    assert read(written(one)) == one


@given(st.text(max_size=40))
def test_damaged_documents_are_no_marks(text: str) -> None:
    assert read(text) is None or isinstance(read(text), Marks)


@pytest.mark.parametrize("serial", ["", "0000", "000000000000", "123456", "N/A", "none", " ", "A", "----"])
def test_serials_that_mean_nothing_are_left_out(serial: str) -> None:
    assert made(vendor="OEM", serial=serial) == Marks()


@pytest.mark.parametrize(
    "mac", ["", "00:00:00:00:00:00", "FF-FF-FF-FF-FF-FF", "01-00-5E-00-00-01", "nonsense"]
)
def test_macs_that_mean_nothing_are_left_out(mac: str) -> None:
    assert made(macs=[mac]).is_empty


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "urn:uuid:00000000-0000-0000-0000-000000000000",
        "127.0.0.1:80",
        "cam",
        "urn:uuid:01234567-dead-beef-baad-abcdeffedcba",
    ],
)
def test_references_that_mean_nothing_are_left_out(reference: str) -> None:
    """An address stands in for a reference where a device tells none: it is no mark."""
    assert made(reference=reference).is_empty


def test_references_are_equal_however_they_are_written() -> None:
    bare = REF_A.removeprefix("urn:uuid:").upper()
    assert made(reference=bare) == made(reference=f" {REF_A}\n")


def test_a_firmware_update_that_makes_a_new_reference_leaves_the_device_what_it_is() -> None:
    updated = made(reference=REF_B, vendor="Maker", serial="SN-0001", macs=[MAC_A])
    assert compare(A, updated).match is Match.SAME
    assert merged(A, updated).references == A.references | updated.references


def test_a_cloned_reference_is_told_apart_by_serial() -> None:
    clone = made(reference=REF_A, vendor="Maker", serial="SN-0002", macs=[MAC_B])
    assert compare(A, clone).match is Match.OTHER


def test_a_cloned_reference_without_a_serial_is_not_merged() -> None:
    first, clone = (made(reference=REF_A, serial="0000", macs=[mac]) for mac in (MAC_A, MAC_B))
    assert compare(first, clone).match is Match.UNSURE


def test_clones_that_are_both_in_the_ledger_are_told_by_what_is_left() -> None:
    ledger = {
        "gate": made(reference=REF_A, vendor="OEM", serial="SAME-1", macs=[MAC_A]),
        "yard": made(reference=REF_A, vendor="OEM", serial="SAME-1", macs=[MAC_B]),
    }
    assert recognised(made(reference=REF_A, vendor="OEM", serial="SAME-1", macs=[MAC_B]), ledger) == ("yard",)
    assert recognised(made(reference=REF_A, vendor="OEM", serial="SAME-1"), ledger) == ()
    assert compare(ledger["gate"], ledger["yard"], common=common_of(ledger.values())).match is Match.OTHER


def test_one_serial_for_a_whole_batch_does_not_make_them_one_camera() -> None:
    one = made(vendor="OEM", serial="BATCH-7", macs=[MAC_A])
    assert compare(one, made(vendor="OEM", serial="BATCH-7", macs=[MAC_B])).match is Match.UNSURE
    two = made(reference=REF_A, vendor="OEM", serial="BATCH-7", macs=[MAC_A])
    assert (
        compare(two, made(reference=REF_B, vendor="OEM", serial="BATCH-7", macs=[MAC_B])).match is Match.OTHER
    )


def test_the_same_serial_of_two_vendors_is_two_serials() -> None:
    assert (
        compare(made(vendor="Maker", serial="SN-01"), made(vendor="Other", serial="SN-01")).match
        is Match.OTHER
    )


def test_a_device_with_two_interfaces_is_one() -> None:
    wired, wireless = (
        made(reference=REF_A, serial="SN-0001", macs=[MAC_A]),
        made(reference=REF_A, serial="SN-0001", macs=[MAC_B]),
    )
    both = merged(wired, wireless)
    assert both.macs == {MAC_A, MAC_B}
    assert compare(both, made(macs=[MAC_A])).match is Match.SAME


def test_the_reasons_name_every_mark() -> None:
    assert compare(A, B).why == "reference≠ serial≠ mac≠"
    assert str(A) == "11111111-2222-3333-4444-555555555555, maker SN-0001, 44-19-B6-00-00-0A"
