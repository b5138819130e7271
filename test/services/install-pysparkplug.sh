#!/bin/sh
# pysparkplug, Sparkplug B of others, in a virtual environment in the user's cache: for CI, and for whoever wants its
# suite to run. The version is the one in pysparkplug.ts.
set -eu
version=0.6.1
folder=${XDG_CACHE_HOME:-$HOME/.cache}/lineside-test/pysparkplug-$version
if [ -x "$folder/bin/python" ]; then exit 0; fi
making=$folder.$$
trap 'rm -rf "$making"' EXIT
mkdir -p "$(dirname "$folder")"
python3 -m venv "$making"
"$making/bin/python" -m pip install --quiet --disable-pip-version-check "pysparkplug==$version"
mv "$making" "$folder"
