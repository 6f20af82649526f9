"""Connects with onvif-zeep-async as an application would, and prints what it read as one JSON line.

Runs in an environment of its own: the package is imported as `onvif`, like another one that we use.
"""

import asyncio
import datetime
import json
import sys
from pathlib import Path

import onvif
from onvif import ONVIFCamera


async def main(host: str, port: str, username: str, password: str, snapshot_auth: str) -> None:
    camera = ONVIFCamera(host, int(port), username, password, str(Path(onvif.__file__).parent / "wsdl"))
    await camera.update_xaddrs()
    device = await camera.create_devicemgmt_service()
    information = await device.GetDeviceInformation()
    media = await camera.create_media_service()
    profiles = await media.GetProfiles()
    interfaces = await device.GetNetworkInterfaces()
    snapshot = await camera.get_snapshot(profiles[0].token, basic_auth=snapshot_auth == "basic")
    manager = await camera.create_pullpoint_manager(datetime.timedelta(seconds=60), lambda: None)
    service = manager.get_service()
    pulled = await service.PullMessages({"MessageLimit": 10, "Timeout": datetime.timedelta(seconds=5)})
    await manager.stop()
    seen = {
        "information": {"model": information.Model, "serial": information.SerialNumber},
        "profiles": [profile.token for profile in profiles],
        "mac": interfaces[0].Info.HwAddress,
        "snapshot_bytes": len(snapshot or b""),
        "topics": sorted({str(m.Topic._value_1).strip() for m in pulled.NotificationMessage}),
        "operations": sorted({m.Message._value_1.PropertyOperation for m in pulled.NotificationMessage}),
    }
    print(json.dumps(seen))
    await camera.close()


asyncio.run(main(*sys.argv[1:]))
