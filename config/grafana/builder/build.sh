#!/usr/bin/env bash
# Writes the dashboards, as src/ says, into the folder that is named: build.sh FOLDER
# `scripts/bootstrap.sh grafana` fetches what it is built with.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tools=$(cd "$here/../../.." && pwd)/.cache/grafana
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$here/src" "$here/tsconfig.json" "$here/package.json" "$work/"
ln -s "$tools/node_modules" "$work/node_modules"
"$tools/node" "$tools/node_modules/typescript/bin/tsc" -p "$work"
"$tools/node" "$work/out/main.js" "$1"
