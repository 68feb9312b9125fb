#!/usr/bin/env bash
# Make the virtual environment $VENV with $PYTHON, or with the first Python >= 3.10 on the PATH.
set -euo pipefail
VENV=${VENV:-.venv}

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; }

python=
if [ -n "${PYTHON:-}" ]; then
    new_enough "$PYTHON" || { echo "PYTHON=$PYTHON is not a Python >= 3.10." >&2; exit 1; }
    python=$PYTHON
else
    for candidate in python3 python3.13 python3.12 python3.11 python3.10 python; do
        if command -v "$candidate" >/dev/null && new_enough "$candidate"; then
            python=$candidate
            break
        fi
    done
fi
if [ -z "$python" ]; then
    echo "Viva Voce needs Python 3.10 or newer; found: $(python3 --version 2>&1 || echo none)." >&2
    echo "Install one (Debian: apt-get install python3 python3-venv), or call make PYTHON=/path/to/python3." >&2
    exit 1
fi

# Debian ships the venv module without pip's bootstrap until python3-venv is installed.
if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing $version-venv ..."
        apt-get update -qq || true
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            "$version-venv" >/dev/null
    else
        echo "$python cannot make virtual environments here." >&2
        echo "Run: sudo apt-get install $version-venv, then the same make command again." >&2
        exit 1
    fi
fi
echo "Making $VENV with $("$python" --version) ..."
"$python" -m venv "$VENV"
"$VENV/bin/python" -m pip --disable-pip-version-check install --quiet --upgrade "pip>=23" || true
