"""``devices scorecard``: kept cards as a table, trials of one device, writes only with a word. 80 columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from agent.__main__ import main
from agent.cli import scorecard as command
from agent.devices.habits import LooseLeaves
from agent.devices.scorecard import TRIALS, Card, Mark, Scorecards, Verdict
from agent.model import Identity
from tests.agent.cli.test_devices import PASSWORD, logging_left_as_it_was
from tests.support.scorecards import BRIEF
from tests.support.virtual_county import RunningCounty, entry, running

__all__ = ["logging_left_as_it_was"]

Run = Callable[..., tuple[int, str, str]]
AT = datetime(2026, 3, 1, 8, tzinfo=UTC)


@pytest.fixture
def county() -> Iterator[RunningCounty]:
    with running(
        entry("cam", kind="ptz_dome", personality="bosch-like"),
        entry("police"),
        entry("twin", personality="bosch-like"),
    ) as started:
        yield started


@pytest.fixture
def run(
    tmp_path: Path, county: RunningCounty, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Run the command with a box's configuration and brief pulls; exit status, output, errors."""
    monkeypatch.setattr("agent.devices.scorecard.examiner.Pace", lambda: BRIEF)
    (tmp_path / "password").write_text(PASSWORD)
    rows = "".join(
        f'[[device]]\nid = "{name}"\nclass = "{kind}"\nhost = "{county.device(name).ip}"\n'
        f'port = {county.device(name).http_port}\nusername = "admin"\n'
        f'password_file = "{tmp_path}/password"\n'
        for name, kind in (("cam", "ptz_dome"), ("police", "integrated"))
    )
    config = tmp_path / "box.toml"
    config.write_text(
        f'[box]\nid = "box-1"\ndata_dir = "{tmp_path}"\n[centre]\nhost = "127.0.0.1"\n'
        f'mac_key_file = "{tmp_path}/key"\n{rows}'
    )

    def carried(*words: str) -> tuple[int, str, str]:
        status = main(["--log-level", "ERROR", "devices", "scorecard", *words, "--config", str(config)])
        told = capsys.readouterr()
        assert PASSWORD not in told.out + told.err
        return status, told.out, told.err

    return carried


def widest(text: str) -> int:
    return max(cell_len(line) for line in text.splitlines())


def test_a_card_says_claim_deed_verdict_and_what_it_means_and_is_kept(
    run: Run, county: RunningCounty
) -> None:
    assert "还没有记分卡" in run()[1]
    status, out, _ = run("cam")
    assert status == 0
    assert "声称 claims 60 s   实测 does 3600 s" in out
    assert "→" in out and "租期" in out and "lease_in_minutes" in out
    assert widest(out) <= 80
    status, out, _ = run()
    assert status == 0
    assert "[1] Bosch" in out and "×" in out and "1 台 devices, 1 次 runs" in out
    assert widest(out) <= 80
    told = json.loads(run("--json")[1])
    assert told[0]["trials"]["lease"]["verdict"] == "lies"
    assert county.device("cam").counters["op_SetImagingSettings"] == 0


def test_a_new_firmware_is_held_against_the_old_one(run: Run, county: RunningCounty) -> None:
    run("cam")
    county.device("cam").identity = replace(county.device("cam").identity, firmware="8.0")
    county.device("cam").personality = replace(county.device("cam").personality, claims_pull_points=True)
    status, out, _ = run("cam")
    assert status == 0
    assert "不同" in out and "7.80.0128" in out and "事件订阅" in out.split("不同")[1]
    told = json.loads(run("cam", "--json")[1])
    assert told[0]["compared_with"] == "7.80.0128"
    assert [one["trial"] for one in told[0]["changed"]] == ["pull_point"]


def test_writes_want_a_word_and_are_put_back(
    run: Run, county: RunningCounty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    status, out, _ = run("cam", "--write")
    assert status == 3
    assert "--yes" in out
    assert county.device("cam").counters["requests"] == 0
    before = dict(county.device("cam").imaging)
    told = json.loads(run("cam", "--write", "--yes", "--json")[1])
    found = {one["trial"]: one["verdict"] for one in told[0]["marks"]}
    assert (found["set_brightness"], found["set_rate"]) == ("honest", "honest")
    assert county.device("cam").imaging == before
    assert told[0]["left"] == []


def test_an_integrated_device_is_never_tried_with_writes(run: Run, county: RunningCounty) -> None:
    status, out, _ = run("cam", "police", "--write", "--yes")
    assert status == 1
    assert "只读" in out
    assert county.device("cam").counters["requests"] == county.device("police").counters["requests"] == 0
    assert run("police")[0] == 0
    assert not [name for name in county.device("police").counters if name.startswith("op_SetI")]


def test_a_device_that_is_away_is_told_and_the_others_are_tried(run: Run, county: RunningCounty) -> None:
    county.switch("cam", unplugged=True)
    status, out, _ = run("cam", "police")
    assert status == 1
    assert "请检查电源" in out and "时区字符串" in out


def sheets(count: int) -> Scorecards:
    kept = Scorecards(LooseLeaves())
    for number in range(count):
        who = Identity(vendor=f"厂家{number}", model="M" * 60, firmware="F" * 60)
        found = [Mark(trial.id, "x", "y", Verdict.HONEST, "e") for trial in TRIALS]
        kept.add(Card("a", who, AT, tuple(found)))
        if number == 0:
            kept.add(Card("b", who, AT, (Mark("lease", "x", "y", Verdict.LIES, "e"),)))
    return kept


@pytest.mark.parametrize("count", [1, 9, 40])
def test_the_table_of_any_number_of_makes_fits_eighty_columns(count: int) -> None:
    text = "\n".join(command.table_of(sheets(count).all()))
    assert widest(text) <= 80
    assert text.count("√") > count
    assert "±" in text.split("\n", 1)[1], "two devices of the first make disagree"
    assert f"[{count}]" in text


@given(
    st.text(
        st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Mn", "Me", "Cf", "Zl", "Zp")),
        max_size=400,
    )
)
def test_folding_loses_no_letter_and_no_line_is_too_wide(text: str) -> None:
    lines = list(command.folded(text, indent=4))
    assert all(cell_len(line) <= 80 for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())
