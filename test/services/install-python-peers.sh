#!/bin/sh
# The programs of others that the tests talk to and that come from PyPI, each in a virtual environment in the user's
# cache: for CI, and for whoever wants their suites to run.
set -eu
while IFS= read -r requirement; do
  folder=${XDG_CACHE_HOME:-$HOME/.cache}/lineside-test/${requirement%%==*}-${requirement#*==}
  if [ -x "$folder/bin/python" ]; then continue; fi
  making=$folder.$$
  trap 'rm -rf "$making"' EXIT
  mkdir -p "$(dirname "$folder")"
  python3 -m venv "$making"
  "$making/bin/python" -m pip install --quiet --disable-pip-version-check "$requirement" </dev/null
  mv "$making" "$folder"
done <"$(dirname "$0")/python-peers.txt"
