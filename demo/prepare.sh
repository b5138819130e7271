#!/bin/sh
# Before `npm start`, `npm test` and their like: installs what a fresh clone lacks, and builds the web app when it is
# missing or older than its sources. Needs nothing but npm and Node 20 or newer; what runs after it is Node 24, which
# comes as a package.
set -eu
cd "$(dirname "$0")/.."

if [ ! -x node_modules/.bin/node ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  echo "Installing packages; the first time takes about a minute." >&2
  # The runtime's own packages are complete; its script would fetch GPU libraries from elsewhere.
  ONNXRUNTIME_NODE_INSTALL=skip npm ci --no-audit --no-fund --loglevel=error >&2
fi

built=hub/web/dist/index.html
if [ ! -f "$built" ] || [ -n "$(find hub/web/src hub/web/index.html hub/web/package.json shared/contracts -newer "$built" -print -quit)" ]; then
  echo "Building the web app." >&2
  npm run build --silent -w hub/web >&2
fi
