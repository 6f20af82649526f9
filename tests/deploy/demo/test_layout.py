"""The demo's folder: made anew, never another's; every file it writes is one its reader accepts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from agent.app import read_mac_key
from agent.config import load_config as load_box
from controller.config import load_config as load_centre
from deploy.demo import layout
from deploy.demo.centre import Ports, write_centre_file
from deploy.demo.places import VILLAGES, Kind
from protocol.ids import is_id
from protocol.words import DeviceClass
from simulator.county import read_county


@pytest.fixture
def folders(tmp_path: Path) -> layout.Folders:
    folders = layout.folders_of(tmp_path / "demo")
    layout.claim(folders).release()
    return folders


def test_three_villages_with_eight_devices_each_of_the_countys_kinds() -> None:
    assert [len(village.devices) for village in VILLAGES] == [8, 8, 8]
    kinds = Counter(device.device_class for village in VILLAGES for device in village.devices)
    assert set(kinds) == set(DeviceClass)
    assert kinds["lookout"] == 1
    ids = [village.device_id(device) for village in VILLAGES for device in village.devices]
    assert len(set(ids)) == 24
    assert all(is_id(each) for each in [*ids, *(village.box for village in VILLAGES)])


def test_every_gb_code_is_its_own_and_begins_with_its_towns_unit() -> None:
    codes = [village.gb_code(i) for village in VILLAGES for i in range(1, 9)]
    assert len(set(codes)) == 24
    assert {code[:8] for code in codes} == {"61052202", "61052203", "61052204"}
    assert {len(code) for code in codes} == {20}


def test_the_boxes_read_their_files(folders: layout.Folders) -> None:
    password = layout.write_secret(folders.county / "camera.password", layout.new_password())
    for village in VILLAGES:
        key = layout.write_secret(folders.box(village) / "entry.key", layout.new_entry_key())
        file = layout.write_box_file(
            folders,
            village,
            network=20,
            uplink=layout.Uplink(1001, 1002, 1003),
            password_file=password,
            pace=layout.Pace(),
        )
        config = load_box(file)
        assert config.box.title == village.title
        assert [device.title for device in config.devices] == [device.title for device in village.devices]
        assert config.devices[0].zones[0].closed
        assert config.devices[-1].device_class is DeviceClass.CONFERENCE_ENDPOINT
        assert config.watch.covered_confirm_s == layout.Pace().covered_confirm_s
        assert len(read_mac_key(key)) == 32


def test_the_simulator_reads_its_file_and_every_device_has_an_address_of_its_own(
    folders: layout.Folders,
) -> None:
    county = read_county(layout.write_county_file(folders, network=33, password="p"))
    assert len({entry.ip for entry in county.device}) == 24
    assert {entry.ip.split(".")[1] for entry in county.device} == {"33"}
    assert {str(entry.kind) for entry in county.device} == {kind.value for kind in Kind}


def test_the_centre_reads_its_file(folders: layout.Folders) -> None:
    file = write_centre_file(
        folders, ports=Ports(1001, 1002), broker_port=1003, desk_port=1004, pace=layout.Pace()
    )
    config = load_centre(file)
    assert config.liveness.offline_after_s == layout.Pace().box_offline_s
    assert [target.port for target in config.feed.targets] == [1004]


def test_a_new_run_keeps_the_clips_and_forgets_the_rest(folders: layout.Folders) -> None:
    (folders.clips / "scene.clip").write_text("dear")
    (folders.centre / "controller.db").write_text("old")
    layout.claim(folders).release()
    assert (folders.clips / "scene.clip").read_text() == "dear"
    assert not (folders.centre / "controller.db").exists()


def test_somebody_elses_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(layout.FolderTaken, match="left alone"):
        layout.claim(layout.folders_of(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_two_runs_in_one_folder_are_refused(folders: layout.Folders) -> None:
    held = layout.claim(folders)
    with pytest.raises(layout.FolderTaken, match="another demo"):
        layout.claim(folders)
    held.release()


def test_secrets_are_readable_by_their_owner_alone(folders: layout.Folders) -> None:
    path = layout.write_secret(folders.county / "secret", "s")
    assert path.stat().st_mode & 0o777 == 0o600
    assert layout.new_password() != layout.new_password()
