#!/usr/bin/env bash
# mypy on the packages under their installed names. The name `vivavoce` is mapped onto the repository
# root, which mypy cannot see in an editable install; a link inside the virtual environment shows it.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:-.venv}
mkdir -p "$venv/types"
ln -sfn "$PWD" "$venv/types/vivavoce"
MYPYPATH="$venv/types" exec "$venv/bin/python" -m mypy -p vivavoce.assistant -p vivavoce.streaming
