"""Opens the database and puts the use cases on it: what every command and the running centre share."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import timedelta

from controller.config import Config, ConfigError, FeedSection
from controller.db.engine import open_engine
from controller.db.schema import migrate
from controller.db.transaction import Store
from controller.domain.targets import Target
from controller.services.bell import Bell
from controller.services.evidence import EvidenceStore
from controller.services.sign_in import SignIn
from controller.services.subscriptions import Subscriptions
from runtime.clock import Clock


@dataclass(frozen=True, slots=True)
class Core:
    """What commands and the running centre share: the database and the use cases on it."""

    store: Store
    bell: Bell
    sign_in: SignIn
    subscriptions: Subscriptions
    evidence: EvidenceStore


def open_core(config: Config, clock: Clock) -> Core:
    """Open the database, bring its schema up to date. Raises DatabaseUnusable, ConfigError, OSError."""
    config.data_dir.mkdir(parents=True, exist_ok=True)
    engine = open_engine(config.database_url)
    try:
        migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    store, bell = Store(engine), Bell()
    store.after_commit(bell.ring)
    return Core(
        store=store,
        bell=bell,
        sign_in=SignIn(store, clock),
        subscriptions=Subscriptions(store, clock, allowed=targets_of(config.feed)),
        evidence=EvidenceStore(
            store, clock, config.data_dir / "evidence", kept=timedelta(days=config.evidence.keep_days)
        ),
    )


def targets_of(section: FeedSection) -> tuple[Target, ...]:
    """The allow-list of the sender. Raises ConfigError for a network that cannot be read."""
    found = []
    for number, target in enumerate(section.targets):
        try:
            networks = tuple(ipaddress.ip_network(network) for network in target.networks)
        except ValueError as error:
            raise ConfigError("feed", [f"feed.target.{number}.networks: {error}"]) from error
        found.append(Target(target.host, target.port, networks))
    return tuple(found)
