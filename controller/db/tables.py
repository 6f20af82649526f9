"""Every table of the centre, as SQLAlchemy Core metadata.

Laws that the database itself keeps: one open interval per subject, one open incident per category and
subject, one entry per (box, epoch, sequence), one feed entry per position. History tables are only
added to. Times are UTC.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)

from controller.db.columns import Moment, RowId

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# --- boxes and devices -------------------------------------------------------------------------

box = Table(
    "box",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("title", String(200), nullable=False, server_default=""),
    Column("civil_code", String(15), nullable=False, index=True),
    Column("town_code", String(15)),
    Column("mac_key", LargeBinary, nullable=False),
    Column("revoked", Boolean, nullable=False, server_default=text("false")),
    Column("session", BigInteger, nullable=False, server_default="0"),
    Column("log_epoch", String(16)),
    Column("reported_status", String(20)),
    Column("reported_at", Moment),  # when that status reached us, on the centre's clock
    Column("last_seen_at", Moment),
    Column("online", Boolean, nullable=False, server_default=text("false")),
    Column("verdict", String(16), nullable=False, server_default="unknown"),
    Column("verdict_reason", String(40), nullable=False, server_default="starting"),
    Column("verdict_since", Moment),
    Column(
        "changed_at", Moment
    ),  # when the verdict changed, on the centre's clock: hold-downs count from here
    # the last dark stretch while the box's log has not told all of it; all NULL otherwise
    Column("dark_from", Moment),
    Column("dark_to", Moment),
    Column("dark_known_to", Moment),  # up to here its log proves that it was watching
    Column("dark_watch_from", Moment),  # since when it runs now, by its first heartbeat after the return
    Column("dark_epoch", String(16)),  # the log, and how far it must be applied, until all is told
    Column("dark_target", BigInteger),
    Column("boot_reason", String(40)),
    Column("software", String(60), nullable=False, server_default=""),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", Moment, nullable=False),
)

device = Table(
    "device",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("box_id", ForeignKey("box.id"), nullable=False, index=True),
    Column("device_class", String(24)),
    Column("title", String(200), nullable=False, server_default=""),
    Column("gb_code", String(20), index=True),
    Column("vendor", String(200), nullable=False, server_default=""),
    Column("model", String(200), nullable=False, server_default=""),
    Column("firmware", String(200), nullable=False, server_default=""),
    Column("serial", String(200), nullable=False, server_default=""),
    Column("mac_address", String(17)),
    Column("profiles", JSON, nullable=False, server_default="[]"),
    Column("rung", String(20)),
    Column("reason", String(40)),
    Column("detail", String(200), nullable=False, server_default=""),
    Column("clock_error_ms", BigInteger),
    Column("verdict", String(16), nullable=False, server_default="unknown"),
    Column("verdict_reason", String(40), nullable=False, server_default="starting"),
    Column("verdict_since", Moment),
    Column(
        "changed_at", Moment
    ),  # when the verdict changed, on the centre's clock: hold-downs count from here
    Column("last_evidence", String(64)),
    Column("last_entry_time", Moment),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", Moment, nullable=False),
    Index("ix_device_verdict", "verdict"),
)

# --- the boxes' logs ---------------------------------------------------------------------------

GAP_TYPE: Final = "outpost.gap.v1"

entry = Table(
    "entry",
    metadata,
    Column("box_id", ForeignKey("box.id"), primary_key=True),
    Column("epoch", String(16), primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("type", String(80), nullable=False),
    Column("subject", String(40)),
    Column("time", Moment, nullable=False),
    Column("recorded_at", Moment, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("body_hash", String(64), nullable=False),
    Column("body", Text, nullable=False),
    # gap records are looked up when a hole stops the application; there are few of them
    Index(
        "ix_entry_gap",
        "box_id",
        "epoch",
        sqlite_where=text(f"type = '{GAP_TYPE}'"),
        postgresql_where=text(f"type = '{GAP_TYPE}'"),
    ),
)

position = Table(
    "position",
    metadata,
    Column("box_id", ForeignKey("box.id"), primary_key=True),
    Column("epoch", String(16), primary_key=True),
    Column("upto", BigInteger, nullable=False, server_default="0"),
    Column("highest", BigInteger, nullable=False, server_default="0"),
)

anomaly = Table(
    "anomaly",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("box_id", String(40)),  # NULL: no box of ours; no foreign key, so that nobody is left out
    Column("at", Moment, nullable=False),  # the last time
    Column("first_at", Moment, nullable=False),
    Column("refusal", String(20), nullable=False),
    Column("what", String(200), nullable=False),
    Column("count", BigInteger, nullable=False, server_default="1"),
    Index("ix_anomaly_box_id_refusal", "box_id", "refusal"),
)

# --- state over time ---------------------------------------------------------------------------

interval = Table(
    "interval",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("subject_kind", String(8), nullable=False),  # device | box
    Column("subject_id", String(40), nullable=False),
    Column("from_at", Moment, nullable=False),
    Column("to_at", Moment),
    Column("verdict", String(16), nullable=False),
    Column("reason", String(40), nullable=False),
    Column("exempt", Boolean, nullable=False, server_default=text("false")),
    Column("cause", String(16), nullable=False),
    Index("ix_interval_subject", "subject_kind", "subject_id", "from_at"),
    Index(
        "uq_interval_open",
        "subject_kind",
        "subject_id",
        unique=True,
        sqlite_where=text("to_at IS NULL"),
        postgresql_where=text("to_at IS NULL"),
    ),
)

# --- incidents ---------------------------------------------------------------------------------

CLOSED_STATES: Final = ("CLOSED", "REJECTED", "MERGED", "CANCELLED")
_OPEN = "state NOT IN ('CLOSED', 'REJECTED', 'MERGED', 'CANCELLED')"

incident = Table(
    "incident",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("case_no", String(24), nullable=False, unique=True),
    Column("category", String(4), nullable=False),
    Column("level", SmallInteger, nullable=False),
    Column("state", String(12), nullable=False),
    Column("suspected", Boolean, nullable=False, server_default=text("false")),
    Column("title_zh", String(300), nullable=False),
    Column("title_en", String(300), nullable=False),
    Column("box_id", ForeignKey("box.id"), nullable=False, index=True),
    Column("device_id", ForeignKey("device.id"), index=True),
    Column("civil_code", String(15), nullable=False, index=True),
    Column("reason", String(40), nullable=False, server_default=""),
    Column("episode", String(80)),
    Column("count", Integer, nullable=False, server_default="1"),
    Column("found_at", Moment, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("sign_due_at", Moment),
    Column("finish_due_at", Moment),
    Column("unit", String(100), nullable=False, server_default=""),
    Column("recovered_at", Moment),
    Column("evidence", String(64)),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("updated_at", Moment, nullable=False),
    Index("ix_incident_opened", "opened_at", "id"),
    Index(
        "uq_incident_open",
        "category",
        "box_id",
        text("coalesce(device_id, '')"),
        unique=True,
        sqlite_where=text(_OPEN),
        postgresql_where=text(_OPEN),
    ),
)

incident_history = Table(
    "incident_history",
    metadata,
    Column("incident_id", ForeignKey("incident.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("actor", String(80), nullable=False),  # system, account:NAME, client:NAME
    Column("action", String(20), nullable=False),
    Column("from_state", String(12)),  # NULL: the first row
    Column("to_state", String(12), nullable=False),
    Column("text", String(1000), nullable=False, server_default=""),
)

case_number = Table(
    "case_number",
    metadata,
    Column("day", String(8), primary_key=True),  # yyyymmdd in the county's time zone
    Column("last", Integer, nullable=False),
)

# --- the feed ----------------------------------------------------------------------------------

feed = Table(
    "feed",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("id", String(40), nullable=False, unique=True),
    Column("type", String(60), nullable=False),
    Column("time", Moment, nullable=False),
    Column("incident_id", String(26), index=True),
    Column("device_id", String(40)),
    Column("box_id", String(40)),
    Column("category", String(4)),
    Column("civil_code", String(15), nullable=False, server_default=""),
    Column("body", Text, nullable=False),
)

feed_head = Table(
    "feed_head",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),  # always 1
    Column("position", BigInteger, nullable=False),
)

# --- evidence ----------------------------------------------------------------------------------

evidence = Table(
    "evidence",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("box_id", ForeignKey("box.id"), nullable=False),
    Column("device_id", String(40)),
    Column("taken_at", Moment),
    Column("received_at", Moment, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("media_type", String(40), nullable=False),
    Column("purpose", String(40), nullable=False, server_default=""),
    Column("expires_at", Moment, index=True),
)

# --- doors: accounts, clients, subscriptions, audit ---------------------------------------------

account = Table(
    "account",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("login", String(40), nullable=False, unique=True),
    Column("title", String(80), nullable=False, server_default=""),
    Column("role", String(20), nullable=False),
    Column("civil_code", String(15), nullable=False, server_default=""),
    Column("categories", JSON, nullable=False, server_default="[]"),
    Column("password_hash", String(200), nullable=False),
    Column("disabled", Boolean, nullable=False, server_default=text("false")),
    Column("failures", Integer, nullable=False, server_default="0"),  # wrong passwords in a row
    Column("locked_until", Moment),
    Column("expires_at", Moment),  # contractors' accounts end with their contract
    Column("created_at", Moment, nullable=False),
)

web_session = Table(
    "web_session",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("account_id", ForeignKey("account.id"), nullable=False, index=True),
    Column("created_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
)

api_client = Table(
    "api_client",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("title", String(80), nullable=False, server_default=""),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("civil_code", String(15), nullable=False, server_default=""),
    Column("categories", JSON, nullable=False, server_default="[]"),
    Column("disabled", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", Moment, nullable=False),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("key_hash", String(64), primary_key=True),  # of caller and key
    Column("request_hash", String(64), nullable=False),
    Column("answer", Text, nullable=False),
    Column("at", Moment, nullable=False, index=True),
)

subscription = Table(
    "subscription",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("title", String(80), nullable=False, server_default=""),
    Column("url", String(500), nullable=False),
    Column("secret", String(120), nullable=False),
    Column("civil_code", String(15), nullable=False, server_default=""),
    Column("categories", JSON, nullable=False, server_default="[]"),
    Column("types", JSON, nullable=False, server_default="[]"),
    Column("position", BigInteger, nullable=False),  # everything up to here is delivered or set aside
    Column("state", String(10), nullable=False, server_default="active"),  # active | disabled
    Column("why", String(200), nullable=False, server_default=""),  # the last failure, or why disabled
    Column("failures", Integer, nullable=False, server_default="0"),  # attempts in a row without an answer
    Column("next_at", Moment),  # not before; NULL: at once
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", Moment, nullable=False),
)

delivery = Table(
    "delivery",
    metadata,
    Column("subscription_id", ForeignKey("subscription.id", ondelete="CASCADE"), primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("event_id", String(40), nullable=False),
    Column("order_key", String(40), nullable=False),  # the incident, else the device, else the box
    Column("state", String(10), nullable=False),  # delivered | waiting | dead
    Column("attempts", Integer, nullable=False),
    Column("first_at", Moment, nullable=False),
    Column("last_at", Moment, nullable=False),
    Column("next_at", Moment),
    Column("status", Integer),  # of the last HTTP answer; NULL: none came
    Column("detail", String(200), nullable=False, server_default=""),
    Index("ix_delivery_state", "subscription_id", "state", "order_key"),
)

audit = Table(
    "audit",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", String(30), nullable=False),  # text, because exactly this is hashed
    Column("actor", String(80), nullable=False),
    Column("action", String(40), nullable=False),
    Column("subject", String(120), nullable=False),
    Column("detail", Text, nullable=False),
    Column("remote", String(60), nullable=False),
    Column("hash", String(64), nullable=False),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),  # always 1
    Column("number", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)
