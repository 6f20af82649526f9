"""The command that takes a row out of the ledger which discovery made.

Law: a row of the configuration is deleted there and nowhere else. What is asked is noted: the running box
carries it out within seconds, one that is off at its next start.
"""

from __future__ import annotations

import argparse

from agent.cli.confirm import confirmed
from agent.cli.desk import Desk
from agent.errors import ConfigError
from agent.services.register import Parting

EXIT_OK, EXIT_REFUSED = 0, 3


def forget(desk: Desk, options: argparse.Namespace) -> int:
    """Forget a device that discovery found, with all that was learned of it."""
    device = desk.device(options.device)
    if desk.register is None or desk.config is None:
        raise ConfigError("forget", ["请用 --config 指定边缘盒配置 / the box keeps the ledger: use --config"])
    if device.id in {section.id for section in desk.config.devices}:
        problem = (
            "这台设备写在配置中：请在配置里删除它的 [[device]]，然后重启边缘盒服务"
            " / it stands in the configuration: delete its [[device]] there, then restart the box service"
        )
        raise ConfigError(device.id, [problem])
    what = (
        f"{device.id} ({device.host}): 移出台账并删除学到的一切；仍在网上的，下次查找会重新录入"
        " / take it out of the ledger with all that was learned; one that is still on the LAN is found again"
    )
    if not confirmed(desk, options, what):
        return EXIT_REFUSED
    desk.register.part(device.id, Parting.BY_HAND)
    desk.paper.document({"device": device.id, "host": device.host, "forget": True})
    desk.paper.line(
        f"{device.id}: 已移出台账，边缘盒数秒内（或下次启动时）放手"
        " / it is out of the ledger; the box lets go of it within seconds, or at its next start"
    )
    return EXIT_OK
