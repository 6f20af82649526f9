"""The box's own networks as its kernel lists them: private ones, and never more than a /22 of each."""

from __future__ import annotations

from pathlib import Path

from agent.devices.own_networks import own_networks

_HEAD = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"


def row(interface: str, destination: str, mask: str, gateway: str = "00000000") -> str:
    return f"{interface}\t{destination}\t{gateway}\t0001\t0\t0\t0\t{mask}\t0\t0\t0\n"


TRIE = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 10.20.0.0
        /16 link UNICAST
     |-- 10.20.5.9
        /32 host LOCAL
     |-- 192.168.1.255
        /32 link BROADCAST
     |-- 192.168.1.9
        /32 host LOCAL
"""


def listed(folder: Path, routes: str, trie: str = TRIE) -> list[str]:
    (folder / "route").write_text(routes)
    (folder / "trie").write_text(trie)
    return list(own_networks(folder / "route", folder / "trie"))


def test_private_networks_are_listed_and_of_a_large_one_the_part_around_the_box(tmp_path: Path) -> None:
    routes = (
        _HEAD
        + row("eth0", "00000000", "00000000", "0101A8C0")  # the way out: 192.168.1.1
        + row("eth0", "0001A8C0", "00FFFFFF")  # 192.168.1.0/24
        + row("eth1", "0000140A", "0000FFFF")  # 10.20.0.0/16
        + row("eth1", "0000150A", "0000FFFF", "0101A8C0")  # behind a gateway
        + row("eth2", "000200C0", "00FFFFFF")  # 192.0.2.0/24 is not private
        + row("docker0", "000011AC", "0000FFFF")
    )
    assert listed(tmp_path, routes) == ["192.168.1.0/24", "10.20.4.0/22"]


def test_what_cannot_be_read_is_no_network(tmp_path: Path) -> None:
    rows = (row("eth0", "nonsense", "00FFFFFF"), row("eth0", "0001A8C0", "01010101"))
    assert listed(tmp_path, _HEAD + "eth0 zz 00000000\n" + "".join(rows)) == []
    assert own_networks(tmp_path / "none", tmp_path / "none") == []


def test_this_machine_s_own_are_read_and_small() -> None:
    assert all(int(network.rpartition("/")[2]) >= 22 for network in own_networks())
