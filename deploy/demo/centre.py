"""How the county centre is set up: its file, and its command line as an administrator uses it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deploy.demo.layout import REPOSITORY, Folders, Pace, toml
from deploy.demo.parts import PartFailed, ends_with_us, environment
from deploy.demo.places import Village

COMMAND: Final = (sys.executable, "-m", "controller")
_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]+")
INCIDENT_TYPES: Final = (
    "outpost.incident.opened.v1",
    "outpost.incident.changed.v1",
    "outpost.incident.recovered.v1",
)
"""What the case system asks for: incidents, not the health of every device."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the centre listens."""

    api: int
    monitor: int


def write_centre_file(
    folders: Folders, *, ports: Ports, broker_port: int, desk_port: int, pace: Pace
) -> Path:
    """controller.toml; returns its path."""
    authority = folders.authority
    tables: list[tuple[str, Mapping[str, Any]]] = [
        ("", {"data_dir": str(folders.centre / "data"), "title": "潼关县综治中心（演示）"}),
        (
            "[broker]",
            {
                "host": "127.0.0.1",
                "port": broker_port,
                "client_id": "centre",
                "ca_file": str(authority / "ca.crt"),
                "cert_file": str(authority / "centre.crt"),
                "key_file": str(authority / "centre.key"),
                "keepalive_s": pace.keepalive_s,
            },
        ),
        (
            "[liveness]",
            {
                "heartbeat_s": pace.heartbeat_s,
                "offline_after_s": pace.box_offline_s,
                "goodbye_s": pace.box_offline_s,
                "check_s": 0.5,
            },
        ),
        ("[incidents]", {"recover_hold_s": pace.recover_hold_s}),
        ("[api]", {"host": "127.0.0.1", "port": ports.api, "secure_cookies": False}),
        ("[feed]", {"schedule_s": [0.5, 1, 2, 2, 2, 5, 5, 5, 10], "timeout_s": 5}),
        ("[[feed.target]]", {"host": "127.0.0.1", "port": desk_port}),
        ("[monitor]", {"host": "127.0.0.1", "port": ports.monitor}),
    ]
    path = folders.centre / "controller.toml"
    path.write_text(toml(tables), "utf-8")
    return path


class Administrator:
    """Runs ``outpost-controller`` commands. Every method raises PartFailed with what the command said."""

    def __init__(self, folders: Folders, config: Path) -> None:
        self._folders = folders
        self._config = config

    def make_authority(self, *, servers: Mapping[str, str], clients: tuple[str, ...]) -> None:
        """The CA, then server certificates (name to address) and client certificates."""
        folder = str(self._folders.authority)
        self._run("authority", "init", "--dir", folder)
        for name, address in servers.items():
            self._run("authority", "issue", "--dir", folder, "--name", name, "--server", address)
        for name in clients:
            self._run("authority", "issue", "--dir", folder, "--name", name)

    def add_box(self, village: Village, key_file: Path) -> None:
        self._configured(
            "box", "add", "--id", village.box, "--title", village.title,
            "--civil-code", village.civil_code, "--key-file", str(key_file),
        )  # fmt: skip

    def add_account(self, login: str, role: str, password_file: Path) -> None:
        self._configured(
            "user", "add", "--login", login, "--role", role, "--password-file", str(password_file)
        )

    def add_client(self, client: str) -> str:
        """An API client of the whole county; returns its token."""
        return self._configured("client", "add", "--id", client, "--title", client).split()[-1]

    def add_subscription(self, title: str, url: str) -> str:
        """The case system's webhook; returns the signing secret."""
        types = [part for name in INCIDENT_TYPES for part in ("--type", name)]
        said = self._configured("subscription", "add", "--title", title, "--url", url, *types)
        found = _SECRET.search(said)
        if found is None:
            raise PartFailed(f"subscription add printed no secret:\n{said}")
        return found.group()

    def check(self) -> str:
        """The centre's own check of its invariants."""
        return self._configured("check")

    def _configured(self, *arguments: str) -> str:
        return self._run(*arguments, "--config", str(self._config))

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [*ends_with_us(), *COMMAND, *arguments],
            cwd=REPOSITORY,
            env=environment(bytecode=self._folders.bytecode),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode != 0:
            said = (done.stderr + done.stdout)[-2000:]
            raise PartFailed(f"outpost-controller {' '.join(arguments[:2])} failed / 命令失败:\n{said}")
        return done.stdout
