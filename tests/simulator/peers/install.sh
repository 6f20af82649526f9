#!/bin/sh
# Installs the ONVIF clients that others wrote into .tools/peers, from the exact versions named here.
# Run it again at any time: what is already there is left alone.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
target="${OUTPOST_PEERS:-$root/.tools/peers}"
python="${PYTHON:-python3}"
zeep_async="onvif-zeep-async==4.3.0"

command -v npm >/dev/null 2>&1 || {
  echo "缺少 npm（Debian: apt install npm）/ npm is missing (Debian: apt install npm)" >&2
  exit 1
}
mkdir -p "$target/node"
stamp=$(cksum < "$here/package-lock.json")
if [ "$(cat "$target/node/.installed" 2>/dev/null || true)" != "$stamp" ]; then
  echo "安装 npm 客户端 / installing npm clients: onvif, node-onvif" >&2
  cp "$here/package.json" "$here/package-lock.json" "$target/node/"
  (cd "$target/node" && npm ci --no-audit --no-fund --loglevel=error)
  echo "$stamp" > "$target/node/.installed"
fi
if [ "$(cat "$target/zeep-async/.installed" 2>/dev/null || true)" != "$zeep_async" ]; then
  echo "安装 / installing $zeep_async" >&2
  rm -rf "$target/zeep-async"
  "$python" -m venv "$target/zeep-async"
  "$target/zeep-async/bin/python" -m pip install --quiet --disable-pip-version-check "$zeep_async"
  echo "$zeep_async" > "$target/zeep-async/.installed"
fi
echo "对照客户端已就绪 / peers are ready: $target" >&2
