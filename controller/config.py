"""The centre's configuration: one TOML file to one frozen tree.

Law: unknown keys are refused, every problem is shown at once, nothing is touched (no DNS, no device,
no file but the one read). Secrets come by file path only.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

Port = Annotated[int, Field(ge=1, le=65535)]
AnyPort = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=864_000)]


class ConfigError(ValueError):
    """The configuration cannot be used. ``problems`` has one line a problem, in reading order."""

    def __init__(self, where: str, problems: list[str]) -> None:
        self.where = where
        self.problems = problems
        super().__init__(f"{where}: " + "; ".join(problems))


class Section(BaseModel):
    """Base of every section."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DatabaseSection(Section):
    """Where the facts are kept."""

    url: str | None = Field(
        None,
        description="sqlite:////path/file.db or postgresql+psycopg://user@host/name; "
        "without it, controller.db in data_dir.",
    )


class BrokerSection(Section):
    """The MQTT broker."""

    host: str = Field("127.0.0.1", description="Host name or address.")
    port: Port = Field(8883, description="Port.")
    client_id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}$")] = Field(
        "centre", description="MQTT client id; the name in the centre's certificate."
    )
    username: str | None = Field(None, description="Account, when the broker asks for one.")
    password_file: Path | None = Field(None, description="File with its password.")
    ca_file: Path | None = Field(None, description="CA of the broker's certificate; without it no TLS.")
    cert_file: Path | None = Field(None, description="The centre's certificate.")
    key_file: Path | None = Field(None, description="The centre's private key.")
    keepalive_s: int = Field(10, ge=5, le=300, description="MQTT keep-alive in seconds.")

    @model_validator(mode="after")
    def _certificate_is_whole(self) -> BrokerSection:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together / 证书和私钥要同时给出")
        return self


class LivenessSection(Section):
    """When a box counts as unreachable. All on the centre's clock."""

    heartbeat_s: Seconds = Field(30, description="Seconds between two heartbeats of a box.")
    offline_after_s: Seconds = Field(45, description="Seconds of silence after which a box is offline.")
    goodbye_s: Seconds = Field(
        10, description="The same, after the broker or the box itself said that it left."
    )
    grace_heartbeats: int = Field(
        2, ge=1, le=20, description="Heartbeats the centre listens before it declares anybody offline."
    )
    check_s: Seconds = Field(1, description="Seconds between two looks.")

    @model_validator(mode="after")
    def _silence_is_longer_than_a_heartbeat(self) -> LivenessSection:
        if self.offline_after_s <= self.heartbeat_s:
            raise ValueError(
                f"offline_after_s {self.offline_after_s} must be longer than heartbeat_s {self.heartbeat_s}"
                " / 离线判定时间必须大于心跳间隔"
            )
        return self


class IncidentsSection(Section):
    """How incidents end by themselves, and what their numbers look like."""

    case_prefix: Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,6}$")] = Field(
        "TG", description="Letters before the date in a case number."
    )
    recover_hold_s: Seconds = Field(30, description="Seconds of health before a fault counts as recovered.")
    verify_after_s: Seconds = Field(
        1800, description="Seconds of health after which the machine confirms a reported repair (10xx)."
    )


class ApiSection(Section):
    """The HTTP door: API, live page, evidence from the boxes."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: AnyPort = Field(8080, description="Port; 0 takes any.")
    public_url: str | None = Field(
        None, description="How callers reach it, for links and the same-origin check."
    )
    secure_cookies: bool = Field(
        True, description="Cookies over HTTPS only; false only for a demonstration on this machine."
    )


class TargetSection(Section):
    """One address webhooks may be sent to."""

    host: str = Field(description="Host exactly as it stands in the subscription's address.")
    port: Port = Field(443, description="Port.")
    networks: tuple[str, ...] = Field(
        (), description="Networks it may resolve to; without any, public addresses or the literal one."
    )


class FeedSection(Section):
    """Webhooks to the case systems."""

    targets: tuple[TargetSection, ...] = Field((), alias="target", description="The allow-list.")
    schedule_s: tuple[Seconds, ...] | None = Field(
        None, min_length=1, max_length=20, description="Seconds before each further attempt."
    )
    timeout_s: Seconds = Field(15, description="Seconds for one attempt.")
    poll_s: Seconds = Field(3, description="Seconds between two looks for entries of other processes.")
    ca_file: Path | None = Field(None, description="CA of the receivers' certificates; else the system's.")


class EvidenceSection(Section):
    """Stills that the boxes send."""

    keep_days: int = Field(30, ge=1, le=3650, description="Days a still is kept.")


class MonitorSection(Section):
    """The operator's pages of this process."""

    host: str = Field("127.0.0.1", description="Address of /metrics, /healthz, /readyz.")
    port: AnyPort = Field(9102, description="Port; 0 takes any.")


class Config(Section):
    """The whole file."""

    data_dir: Path = Field(description="Folder for the embedded database and the stills.")
    title: Annotated[str, StringConstraints(max_length=60)] = Field(
        "县综治中心", description="Name on the live page."
    )
    database: DatabaseSection = DatabaseSection()
    broker: BrokerSection = BrokerSection()
    liveness: LivenessSection = LivenessSection()
    incidents: IncidentsSection = IncidentsSection()
    api: ApiSection = ApiSection()
    feed: FeedSection = FeedSection()
    evidence: EvidenceSection = EvidenceSection()
    monitor: MonitorSection = MonitorSection()

    @property
    def database_url(self) -> str:
        """The database's address, with the default filled in."""
        return self.database.url or f"sqlite:///{self.data_dir.absolute() / 'controller.db'}"


def load_config(path: Path) -> Config:
    """Read and validate ``path``. Raises ConfigError that lists every problem at once."""
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(str(path), [f"cannot be read / 无法读取: {error}"]) from error
    return parse_config(raw, where=str(path))


def parse_config(raw: dict[str, Any], *, where: str) -> Config:
    """Validate a parsed tree; ``where`` names it in the error."""
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(part) for part in item['loc']) or 'file'}: {item['msg']}"
            for item in error.errors(include_url=False, include_input=False)
        ]
        raise ConfigError(where, problems) from error
