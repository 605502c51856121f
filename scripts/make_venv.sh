#!/usr/bin/env bash
# make_venv.sh DIR: a virtual environment in DIR; on Debian, installs python3-venv first where it is missing.
set -euo pipefail
directory=$1
python=
for candidate in python3 python3.13 python3.12 python3.11; do
    # Asked for its version, not only looked for: a shim of a version manager may stand for nothing.
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "pybernetes needs Python 3.11 or newer; none was found" >&2
    exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "python3-venv is missing: install it, then run this again" >&2
        exit 1
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
fi
"$python" -m venv "$directory"
