#!/bin/sh
# asyncua, an OPC UA server of another stack, in a virtual environment in the user's cache: for CI, and for whoever
# wants its suite to run. The version is the one in asyncua.ts.
set -eu
version=2.1.0
folder=${XDG_CACHE_HOME:-$HOME/.cache}/lineside-test/asyncua-$version
if [ -x "$folder/bin/python" ]; then exit 0; fi
making=$folder.$$
trap 'rm -rf "$making"' EXIT
mkdir -p "$(dirname "$folder")"
python3 -m venv "$making"
"$making/bin/python" -m pip install --quiet --disable-pip-version-check "asyncua==$version"
mv "$making" "$folder"
