#!/bin/sh
# Brings a Debian 12 machine to where `make demo` (setup.sh demo) or `make test` (setup.sh test) can run:
# Debian packages, a virtual environment, the project in it. Runs again in a second when nothing is missing.
# `setup.sh bench` adds the peers of the measurements, where it may install packages.
set -eu
cd "$(dirname "$0")/.."
want=${1:-demo}
peers=no
if [ "$want" = bench ]; then # what `make test` needs, and the programs ours is measured beside
    want=test
    peers=yes
fi

say() { printf '\033[1m==> %s\033[0m\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ]; }

# --- Debian packages ---------------------------------------------------------------------------
packages=""
need() { packages="$packages $1"; }

python3 -c 'import venv, ensurepip' 2>/dev/null || need python3-venv
have mosquitto || need mosquitto
# Wheels of OpenCV (headless) and PyAV bring their own libraries; nothing else is needed for the demo.
if [ "$want" = test ]; then
    ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || need postgresql
    have chromium || need chromium
    fc-list 2>/dev/null | grep -qiE 'wqy|noto.*cjk' || need fonts-wqy-microhei
    have fc-list || need fontconfig
    have ffprobe || need ffmpeg
    have gst-launch-1.0 || need gstreamer1.0-tools
    gst-inspect-1.0 rtspsrc >/dev/null 2>&1 || need gstreamer1.0-plugins-good
    gst-inspect-1.0 h264parse >/dev/null 2>&1 || need gstreamer1.0-plugins-bad
    gst-inspect-1.0 avdec_h264 >/dev/null 2>&1 || need gstreamer1.0-libav
    have baresip || need baresip-core
    have curl || need curl
    have openssl || need openssl
    have lighttpd || need lighttpd
    have node || need nodejs
    have npm || need npm
fi
# A measurement says which peer is missing and goes on; so none is asked for where it cannot be installed.
if [ "$peers" = yes ] && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; then
    have motion || need motion
fi
if [ -n "$packages" ]; then
    if [ "$(id -u)" = 0 ]; then
        as_root=""
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        as_root="sudo"
    else
        echo "These Debian packages are missing / 缺少以下软件包:$packages"
        echo "Install them as root and run make again / 请以 root 安装后重试:"
        echo "    apt-get update && apt-get install --no-install-recommends$packages"
        exit 1
    fi
    # Debian starts these servers as soon as they are installed; tests and measurements start their own.
    for server in lighttpd motion; do
        unit=/etc/systemd/system/$server.service
        case $packages in
        *$server*) [ ! -d "${unit%/*}" ] || [ -e "$unit" ] || $as_root ln -s /dev/null "$unit" ;;
        esac
    done
    say "installing Debian packages / 安装软件包:$packages"
    $as_root apt-get update -qq
    # shellcheck disable=SC2086 # a list of words
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages \
        >.setup.log 2>&1 || { tail -20 .setup.log; exit 1; }
    rm -f .setup.log
fi

# --- Python ------------------------------------------------------------------------------------
python3 - <<'PY'
import sys
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit(f"Python 3.11 to 3.13 is needed, python3 is {sys.version.split()[0]} / 需要 Python 3.11 至 3.13")
PY
stamp=".venv/.installed-$(cat requirements.lock pyproject.toml | sha256sum | cut -c1-16)"
if [ ! -e "$stamp" ]; then
    if ! command -v uv >/dev/null 2>&1; then
        if [ ! -x .tools/uv/bin/uv ]; then
            say "installing uv / 安装 uv"
            python3 -m venv .tools/uv
            .tools/uv/bin/pip install --quiet --disable-pip-version-check uv
        fi
        PATH="$PWD/.tools/uv/bin:$PATH"
    fi
    say "installing Python packages / 安装 Python 依赖"
    # The system's Python and the system's certificates: a county's proxy may have its own authority.
    export UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS=true UV_NATIVE_TLS=true
    [ -x .venv/bin/python ] || uv venv --quiet --python "$(command -v python3)" .venv
    uv pip sync --quiet --python .venv/bin/python --require-hashes requirements.lock
    uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
    rm -f .venv/.installed-*
    : >"$stamp"
fi

# --- clients that others wrote, for the tests of the simulator -----------------------------------
if [ "$want" = test ] && [ -x tests/simulator/peers/install.sh ]; then
    tests/simulator/peers/install.sh
fi
