"""A recording, and what is wrong with one that cannot be watched. Law: each trouble says what to do next."""

from __future__ import annotations

import errno
import stat
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import av
import av.error

from agent.errors import AgentError
from agent.video.replay import OPTIONS
from agent.video.source import CODECS, MAX_PIXELS


class FilmTrouble(StrEnum):
    """Kinds of recordings that cannot be watched."""

    MISSING = "missing"
    DIRECTORY = "directory"
    NO_FILE = "no_file"
    """A pipe, a device: it has no beginning to which one could return."""
    EMPTY = "empty"
    FORBIDDEN = "forbidden"
    NOT_VIDEO = "not_video"
    NO_PICTURE = "no_picture"
    """Sound alone."""
    WRONG_CODEC = "wrong_codec"
    TOO_LARGE = "too_large"
    NO_KEY_FRAME = "no_key_frame"
    """Packets came, but never one that stands for itself."""
    UNDECODABLE = "undecodable"
    """Key frames came, and no picture of them."""
    VANISHED = "vanished"


_CONVERT: Final = "ffmpeg -i IN -an -c:v libx264 -g 30 -pix_fmt yuv420p OUT.mp4"
_TOLD: Final[dict[FilmTrouble, tuple[str, str]]] = {
    FilmTrouble.MISSING: ("没有这个文件，请检查路径", "there is no such file; check the path"),
    FilmTrouble.DIRECTORY: (
        "这是文件夹，请给出其中一个录像文件",
        "this is a folder; name one recording in it",
    ),
    FilmTrouble.NO_FILE: (
        "这不是普通文件，请先存成文件",
        "this is no regular file; save the recording into one first",
    ),
    FilmTrouble.EMPTY: ("文件是空的，请重新导出录像", "the file is empty; export the recording again"),
    FilmTrouble.FORBIDDEN: ("无权读取，请检查文件权限", "it may not be read; check its permissions"),
    FilmTrouble.NOT_VIDEO: (
        "不是视频文件，或文件头已损坏；请用播放器确认，重新导出为 MP4",
        "this is no video file, or its head is damaged; see if a player shows it, export it again as MP4",
    ),
    FilmTrouble.NO_PICTURE: (
        "文件中没有视频，请导出带画面的录像",
        "the file holds no video; export a recording with pictures",
    ),
    FilmTrouble.WRONG_CODEC: (
        f"编码不是 H.264 或 H.265，请先转换：{_CONVERT}",
        f"the codec is neither H.264 nor H.265; convert it first: {_CONVERT}",
    ),
    FilmTrouble.TOO_LARGE: (
        "画面过大，边缘盒不看主码流的超大画面；请导出子码流，或先缩小：ffmpeg -i IN -an -vf scale=1280:-2 "
        "-c:v libx264 -g 30 OUT.mp4",
        "the picture is larger than the box takes; export the sub stream, or scale it down first: "
        "ffmpeg -i IN -an -vf scale=1280:-2 -c:v libx264 -g 30 OUT.mp4",
    ),
    FilmTrouble.NO_KEY_FRAME: (
        f"没有关键帧，无从解码；请从更早处重新导出，或转换：{_CONVERT}",
        f"it has no key frame, so nothing can be decoded; export it from an earlier moment, or convert it: "
        f"{_CONVERT}",
    ),
    FilmTrouble.UNDECODABLE: (
        f"关键帧都无法解码，文件可能已损坏；请重新导出，或转换：{_CONVERT}",
        f"no key frame of it can be decoded, it may be damaged; export it again, or convert it: {_CONVERT}",
    ),
    FilmTrouble.VANISHED: (
        "读取中文件消失了，请检查存储介质后重试",
        "the file went away while it was read; check the medium and try again",
    ),
}


class FilmError(AgentError):
    """A recording cannot be watched. ``detail`` says so in both languages, and what to do."""

    def __init__(self, trouble: FilmTrouble, path: Path, found: str = "") -> None:
        self.trouble = trouble
        chinese, english = _TOLD[trouble]
        seen = (f"（{found}）", f" ({found})") if found else ("", "")
        self.detail = f"{path}：{chinese}{seen[0]} / {path}: {english}{seen[1]}"
        super().__init__(self.detail)


@dataclass(frozen=True, slots=True)
class Film:
    """What a recording says of itself before anything is decoded."""

    path: Path
    codec: str
    width: int
    height: int
    fps: float
    """0.0 where it does not say."""
    duration_s: float | None
    """None where it does not say."""
    size_bytes: int


def look_at(path: Path) -> Film:
    """Open and close a recording. Raises FilmError."""
    size_bytes = _regular(path)
    try:
        with av.open(f"file:{path}", options=dict(OPTIONS)) as container:
            stream = next(iter(container.streams.video), None)
            if stream is None or stream.codec_context is None:
                sound = bool(container.streams.audio)
                raise FilmError(FilmTrouble.NO_PICTURE if sound else FilmTrouble.NOT_VIDEO, path)
            codec, width, height = stream.codec_context.name, stream.width, stream.height
            if codec not in CODECS:
                # whatever is written in letters passes as teletext art for libav
                text = container.format.name in _TEXT_FORMATS
                raise FilmError(FilmTrouble.NOT_VIDEO if text else FilmTrouble.WRONG_CODEC, path, codec)
            if width * height > MAX_PIXELS:
                raise FilmError(FilmTrouble.TOO_LARGE, path, f"{width}x{height}")
            rate = stream.average_rate
            duration = container.duration
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise FilmError(_trouble_of(error, path), path, _word(error)) from error
    return Film(
        path=path,
        codec=codec,
        width=width,
        height=height,
        fps=float(rate) if rate else 0.0,
        duration_s=None if not duration or duration < 0 else duration / 1e6,
        size_bytes=size_bytes,
    )


_TEXT_FORMATS: Final = frozenset({"tty", "bin", "adf", "idf", "xbin"})


def _regular(path: Path) -> int:
    """The size of a regular file with something in it."""
    try:
        found = path.stat()
    except FileNotFoundError as error:
        raise FilmError(FilmTrouble.MISSING, path) from error
    except (OSError, ValueError) as error:
        raise FilmError(_trouble_of(error, path), path, _word(error)) from error
    if stat.S_ISDIR(found.st_mode):
        raise FilmError(FilmTrouble.DIRECTORY, path)
    if not stat.S_ISREG(found.st_mode):
        raise FilmError(FilmTrouble.NO_FILE, path)
    if not found.st_size:
        raise FilmError(FilmTrouble.EMPTY, path)
    return found.st_size


def _trouble_of(error: Exception, path: Path) -> FilmTrouble:
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.EACCES, errno.EPERM):
        return FilmTrouble.FORBIDDEN
    if number == errno.ENOENT:
        return FilmTrouble.VANISHED
    if number in (errno.ENAMETOOLONG, errno.ENOTDIR):
        return FilmTrouble.MISSING
    return FilmTrouble.NOT_VIDEO if path.exists() else FilmTrouble.VANISHED


def _word(error: Exception) -> str:
    """What happened, in one word: libav's text holds the path once more."""
    return type(error).__name__
