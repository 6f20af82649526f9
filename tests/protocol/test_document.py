"""The generated reference is what the models say, byte for byte."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from protocol.document import differences, files, main, write
from protocol.messages import ENTRY_KINDS, PLAIN_KINDS
from protocol.topics import DELIVERY, TopicClass

REFERENCE = Path(__file__).parents[2] / "docs" / "ref"
FILES = files()
ASYNCAPI = json.loads(FILES["asyncapi.json"])


def test_the_reference_is_what_the_models_say() -> None:
    assert differences(REFERENCE) == [], "run: python -m protocol.document"


def test_the_check_names_what_is_missing_changed_or_left_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path)
    assert main(["--check", "--folder", str(tmp_path)]) == 0
    (tmp_path / "schemas" / "scene.v1.json").write_text("{}")
    (tmp_path / "schemas" / "face.v1.json").write_text("{}")
    (tmp_path / "asyncapi.json").unlink()
    assert main(["--check", "--folder", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    for name in ("scene.v1.json", "face.v1.json", "asyncapi.json"):
        assert name in told
    assert main(["--folder", str(tmp_path)]) == 0
    assert differences(tmp_path) == []


def test_it_runs_as_a_module_from_anywhere(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "protocol.document", "--check", "--folder", str(REFERENCE)],
        cwd=REFERENCE.parents[1],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_every_message_has_a_schema_in_the_declared_dialect() -> None:
    for kind in [*ENTRY_KINDS, *PLAIN_KINDS, "entry", "log"]:
        schema = json.loads(FILES[f"schemas/{kind}.v1.json"])
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("kind", TopicClass)
def test_each_channel_says_how_it_travels(kind: TopicClass) -> None:
    channels = {channel["address"]: (name, channel) for name, channel in ASYNCAPI["channels"].items()}
    name, channel = channels[f"op/v1/{{box}}/{kind.value}"]
    (operation,) = (
        one for one in ASYNCAPI["operations"].values() if one["channel"]["$ref"] == f"#/channels/{name}"
    )
    how = DELIVERY[kind]
    assert operation["action"] == ("send" if kind.upward else "receive")
    assert operation["bindings"]["mqtt"] == {
        "qos": how.qos,
        "retain": how.retained,
        "bindingVersion": "0.2.0",
    }
    assert channel["x-limit-bytes"] == how.limit_bytes


def test_every_reference_leads_somewhere() -> None:
    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [one for value in node.values() for one in references(value)]
        return [one for value in node for one in references(value)] if isinstance(node, list) else []

    for reference in references(ASYNCAPI):
        if reference.startswith("#/"):
            node: Any = ASYNCAPI
            for part in reference[2:].split("/"):
                node = node[part]
        else:
            assert reference in FILES


def test_the_will_is_the_retained_session_message() -> None:
    mqtt = ASYNCAPI["servers"]["broker"]["bindings"]["mqtt"]
    assert mqtt["lastWill"]["topic"] == "op/v1/{box}/up/session"
    assert (mqtt["lastWill"]["qos"], mqtt["lastWill"]["retain"]) == (1, True)
