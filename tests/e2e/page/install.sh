#!/bin/sh
# install.sh FOLDER: playwright-core into a folder of the build, unless it is there as the lock has it.
set -eu
from=$(dirname "$0")
mkdir -p "$1"
if [ -d "$1/node_modules/playwright-core" ] && cmp -s "$from/package-lock.json" "$1/package-lock.json"; then exit 0; fi
command -v npm >/dev/null || { echo "npm is missing: scripts/setup browser installs it" >&2; exit 1; }
cp "$from/package.json" "$from/package-lock.json" "$from/.npmrc" "$1/"
cd "$1"
npm ci --ignore-scripts || { rm -f package-lock.json; exit 1; }
