#!/bin/sh
# Builds the floor and the server, and measures both in turn, in the same minutes: the figures of docs/performance.md.
# Arguments go to `countersign bench`, for example: test/floor/compare.sh --runs 5 -c 32 -n 20000
set -eu
cd "$(dirname "$0")/../.."
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT INT TERM
(cd test/floor && CGO_ENABLED=0 go build -trimpath -o "$bin/floor" .)
CGO_ENABLED=0 go build -trimpath -o "$bin/countersign" ./cmd/countersign
"$bin/countersign" bench --floor "$bin/floor" "$@"
