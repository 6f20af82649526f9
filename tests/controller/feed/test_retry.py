"""When the next attempt is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from controller.feed.retry import RETRY_AFTER_LIMIT_S, SCHEDULE_S, Answer, answer_of, pause_s, retry_after_s

NOW = datetime(2025, 11, 23, 1, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, Answer.DELIVERED), (202, Answer.DELIVERED), (204, Answer.DELIVERED),
        (301, Answer.UNAVAILABLE), (302, Answer.UNAVAILABLE), (307, Answer.UNAVAILABLE),
        (401, Answer.UNAVAILABLE), (404, Answer.UNAVAILABLE), (429, Answer.UNAVAILABLE),
        (500, Answer.UNAVAILABLE), (503, Answer.UNAVAILABLE),
        (400, Answer.REFUSED), (409, Answer.REFUSED), (422, Answer.REFUSED),
        (410, Answer.GONE),
    ],
)  # fmt: skip
def test_an_http_status_has_one_meaning(status: int, answer: Answer) -> None:
    assert answer_of(status) is answer


def test_the_schedule_is_followed_and_its_last_step_repeats() -> None:
    pauses = [pause_s(SCHEDULE_S, failures=failures, jitter=0.0) for failures in range(1, 12)]
    assert pauses == [*SCHEDULE_S, SCHEDULE_S[-1], SCHEDULE_S[-1]]


def test_jitter_adds_a_fifth_at_most() -> None:
    assert pause_s((100.0,), failures=1, jitter=0.999) == pytest.approx(119.98)


def test_retry_after_only_makes_it_longer_and_has_an_end() -> None:
    assert pause_s((5.0,), failures=1, jitter=0, retry_after_s=60) == 60
    assert pause_s((5.0,), failures=1, jitter=0, retry_after_s=1) == 5
    assert pause_s((5.0,), failures=1, jitter=0, retry_after_s=10**9) == RETRY_AFTER_LIMIT_S


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None), ("7", 7.0), (" 7 ", 7.0), ("soon", None), ("-1", None), ("1e9", None),
        ("Sun, 23 Nov 2025 01:06:12 GMT", 60.0), ("Sun, 23 Nov 2025 01:00:00 GMT", 0.0),
        ("9" * 30, 999999999.0),
    ],
)  # fmt: skip
def test_both_forms_of_retry_after_are_read(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, now=NOW) == seconds


def test_a_time_without_zone_counts_as_utc() -> None:
    later = (NOW + timedelta(seconds=30)).strftime("%a, %d %b %Y %H:%M:%S -0000")
    assert retry_after_s(later, now=NOW) == 30.0
