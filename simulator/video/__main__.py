"""Try a scene: `serve SCENE` streams it, `render SCENE OUT.mp4` writes it, `scenes` lists them."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
from pathlib import Path

from simulator.video import SCENES, Channel, Library, Picture, ProfileSpec, RtspServer, VideoError, render


def main(arguments: list[str] | None = None) -> int:
    """Run a command; 2 when what was asked for does not exist."""
    asked = _parser().parse_args(arguments)
    try:
        match asked.command:
            case "scenes":
                for scene in SCENES.values():
                    print(f"{scene.name:18} {scene.about}; actions: {', '.join(scene.actions) or '-'}")
            case "render":
                truth = render(asked.scene, asked.out, picture=asked.picture, action=asked.action)
                print(f"{asked.out}\n{truth}")
            case _:
                asyncio.run(_serve(asked))
    except (VideoError, KeyError, OSError) as error:
        sys.stderr.write(f"{error.args[0] if isinstance(error, KeyError) else error}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulator.video", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("scenes", help="list the scenes / 列出场景")
    one = commands.add_parser("render", help="write a scene as MP4 with its truth / 输出视频和真值")
    one.add_argument("scene")
    one.add_argument("out", type=Path)
    one.add_argument("--action", default=None)
    serve = commands.add_parser("serve", help="stream a scene or a file over RTSP / 推流")
    serve.add_argument("scene", help="a scene's name, or a path to a file")
    serve.add_argument("--host", default="127.21.0.1")
    serve.add_argument("--port", type=int, default=8554)
    serve.add_argument("--username", default="admin")
    serve.add_argument("--password", default="outpost")
    serve.add_argument("--auth", choices=["digest", "basic", "both", "none"], default="digest")
    serve.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "outpost-clips")
    serve.add_argument("--h265", action="store_true")
    for command in (one, serve):
        command.add_argument("--picture", type=Picture, choices=list(Picture), default=Picture.NORMAL)
    return parser


async def _serve(asked: argparse.Namespace) -> None:
    profiles = (ProfileSpec("main", 1280, 720, 15, 30), ProfileSpec("sub", 640, 360, 10, 20))
    source = {"scene": asked.scene} if asked.scene in SCENES else {"file": Path(asked.scene)}
    channel = Channel(Library(asked.cache), profiles=profiles, **source)
    await channel.prepare()
    channel.show(asked.picture)
    server = RtspServer(
        host=asked.host,
        port=asked.port,
        channel=channel,
        username=asked.username,
        password=asked.password,
        auth=asked.auth,
    )
    server.h265 = asked.h265
    await server.start()
    for token in channel.tokens:
        print(server.url(token), flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    await server.stop()
    await channel.close()


if __name__ == "__main__":
    raise SystemExit(main())
