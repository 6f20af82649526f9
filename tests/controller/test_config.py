"""The configuration: everything wrong is said at once, nothing unknown passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.config import Config, ConfigError, load_config, parse_config


def test_one_line_is_enough(tmp_path: Path) -> None:
    file = tmp_path / "centre.toml"
    file.write_text(f'data_dir = "{tmp_path}"\n')
    config = load_config(file)
    assert config.database_url == f"sqlite:///{tmp_path}/controller.db"
    assert config.liveness.offline_after_s == 45


def test_all_problems_are_shown_at_once() -> None:
    raw = {
        "data_dir": "/var/lib/outpost",
        "colour": "red",
        "broker": {"port": 0, "cert_file": "c.pem"},
        "liveness": {"heartbeat_s": 60, "offline_after_s": 45},
        "incidents": {"case_prefix": "tg"},
    }
    with pytest.raises(ConfigError) as refused:
        parse_config(raw, where="centre.toml")
    told = "\n".join(refused.value.problems)
    for named in ("colour", "broker.port", "liveness", "incidents.case_prefix"):
        assert named in told
    assert str(refused.value).startswith("centre.toml: ")


def test_a_certificate_needs_its_key() -> None:
    with pytest.raises(ConfigError, match="cert_file and key_file go together"):
        parse_config({"data_dir": "/x", "broker": {"cert_file": "c.pem"}}, where="f")


@pytest.mark.parametrize("content", [b"data_dir = ", b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "centre.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"centre\.toml: cannot be read"):
        load_config(file)
    with pytest.raises(ConfigError, match=r"absent\.toml"):
        load_config(tmp_path / "absent.toml")


def test_every_setting_says_what_it_is() -> None:
    def walk(schema: dict[str, object]) -> list[str]:
        properties = schema.get("properties")
        assert isinstance(properties, dict)
        return [
            name for name, field in properties.items() if "$ref" not in field and "description" not in field
        ]

    schema = Config.model_json_schema()
    sections = schema["$defs"].values()
    assert [name for section in sections for name in walk(section)] == []
