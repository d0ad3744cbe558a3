#!/usr/bin/env bash
# clones.sh lets $CLONES processes clone one dataset at once from one constl serve, checks each clone,
# and prints how long that took and what the server needed: its peak memory and its processor time.
#
#	testdata/bench/clones.sh [OPTIONS OF constl serve]
#
# CLONES  how many at once (default 100)
# ROWS    rows of the table, of 10 columns (default 2000000, 175 MB)
# WORK    the scratch folder; it takes about CLONES times the table and its store
#
# It needs Linux, for what /proc says of the server.
set -euo pipefail
CLONES=${CLONES:-100} ROWS=${ROWS:-2000000}
root=$(cd "$(dirname "$0")/../.." && pwd)
WORK=${WORK:-$(mktemp -d)}
mkdir -p "$WORK/bin" "$WORK/homes" "$WORK/clones"
(cd "$root" && go build -o "$WORK/bin/constl" ./cmd/constl && go build -o "$WORK/bin/tablegen" ./testdata/bench/tablegen)
export PATH=$WORK/bin:$PATH CONSTL_HOME=$WORK/homes/server
cd "$WORK"

if [ ! -e d/.constl/format ]; then
	rm -rf d
	constl -q init d --name bench >/dev/null
	tablegen -rows "$ROWS" >d/table.csv
	constl -q -C d commit -m first >/dev/null
fi

: >url
constl -C d serve --listen 127.0.0.1:0 --metrics 0 "$@" >url 2>serve.log &
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT
until [ -s url ] && grep -q metrics serve.log; do
	kill -0 "$server" || { cat serve.log >&2; exit 1; }
	sleep 0.1
done
url=$(head -n 1 url)
metrics=$(sed -n 's,.*\(http://[^ /]*/metrics\).*,\1,p' serve.log | head -n 1)

begin=$EPOCHREALTIME
pids=()
for i in $(seq "$CLONES"); do
	rm -rf "clones/$i"
	CONSTL_HOME=$WORK/homes/$i constl -q clone "$url" "clones/$i" >"clones/$i.log" 2>&1 &
	pids+=($!)
done
complete=0
for pid in "${pids[@]}"; do
	if wait "$pid"; then complete=$((complete + 1)); fi
done
seconds=$(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN {printf "%.1f", b - a}')
peak=$(awk '/VmHWM/ {printf "%.0f", $2 / 1024}' "/proc/$server/status")
cpu=$(awk -v hz="$(getconf CLK_TCK)" '{printf "%.1f", ($14 + $15) / hz}' "/proc/$server/stat")
if [ -n "$metrics" ] && command -v curl >/dev/null; then
	curl -s "$metrics" | grep -E '^constl_(limits_hit_total|errors_total|connections_total|requests_total)' >metrics.txt || true
fi
kill "$server"
wait "$server" || true
trap - EXIT

verified=0
for i in $(seq "$CLONES"); do
	if cmp -s d/table.csv "clones/$i/table.csv" && CONSTL_HOME=$WORK/homes/$i constl -q -C "clones/$i" fsck >/dev/null 2>&1; then
		verified=$((verified + 1))
	else
		tail -n 3 "clones/$i.log" >&2
	fi
	rm -rf "clones/$i"
done

echo "$CLONES clones at once of $ROWS rows × 10 columns, $(du -m d/table.csv | cut -f1) MB, store $(du -sm d/.constl/packs | cut -f1) MB; $(nproc) cores"
echo "complete            $complete"
echo "whole and verified  $verified"
echo "seconds             $seconds"
echo "server peak memory  $peak MiB"
echo "server cpu seconds  $cpu"
[ ! -s metrics.txt ] || sed 's/^/  /' metrics.txt
[ "$complete" = "$CLONES" ] && [ "$verified" = "$CLONES" ]
