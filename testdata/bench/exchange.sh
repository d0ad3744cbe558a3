#!/usr/bin/env bash
# exchange.sh prints how fast and with how few bytes constl exchanges a table, beside git and rsync
# where they are installed, all over the loopback in one run. Seconds are medians of $RUNS whole processes.
#
#	testdata/bench/exchange.sh [clone] [pull] [growth] [blob]
#
# clone   clone and checkout of a table of $ROWS rows × 10 columns; bytes over the wire and in the store
# pull    a pull of 100 changed cells in it
# growth  a fetch of 100 changed cells in it, and in a table of a tenth of its rows
# blob    clone and checkout of a file of $BLOB bytes that does not compress, and of the same file by rsync
#
# Without arguments all of them. ROWS, RUNS, BLOB and WORK (the scratch folder) can be set.
set -euo pipefail
ROWS=${ROWS:-2000000} RUNS=${RUNS:-5} BLOB=${BLOB:-1000000000}
root=$(cd "$(dirname "$0")/../.." && pwd)
WORK=${WORK:-$(mktemp -d)}
mkdir -p "$WORK/bin" "$WORK/in" "$WORK/a" "$WORK/b"
(cd "$root" && go build -o "$WORK/bin/constl" ./cmd/constl && go build -o "$WORK/bin/tablegen" ./testdata/bench/tablegen)
export PATH=$WORK/bin:$PATH HOME=$WORK/b GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
cd "$WORK"
ana() { CONSTL_HOME=$WORK/a constl -q "$@"; }
ben() { CONSTL_HOME=$WORK/b constl -q "$@"; }
have() { command -v "$1" >/dev/null; }

children=()
stop() { for p in "${children[@]}"; do kill "$p" 2>/dev/null || true; done; wait; children=(); }
trap stop EXIT

secs() {
	local s=$EPOCHREALTIME
	"$@" >"$WORK/out" 2>>"$WORK/err.log" || echo "FAILED: $*" >&2
	awk -v a="$s" -v b="$EPOCHREALTIME" 'BEGIN{printf "%.3f\n", b-a}'
}
median() { sort -n | awk '{v[NR]=$1} END{print v[int((NR+1)/2)]}'; }
field() { sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p" "$WORK/out" | head -1; }
row() { printf '%-37s %-10s %9s %14s %7s\n' "$@"; }

# table DIR ROWS makes the table in DIR and what becomes of it.
table() {
	[ -s "in/$1.csv" ] || tablegen -rows "$2" >"in/$1.csv"
	[ -s "in/$1-cells.csv" ] || tablegen -rows "$2" -edit cells:100 >"in/$1-cells.csv"
}

# dataset NAME FILE makes a dataset of the file and serves it; its address is in NAME.url.
dataset() {
	ana init "$1" >/dev/null
	cp "$2" "$1/"
	ana -C "$1" commit -m first >/dev/null
	CONSTL_HOME=$WORK/a constl -C "$1" serve --listen 127.0.0.1:0 >"$1.url" 2>>err.log &
	children+=($!)
	while [ ! -s "$1.url" ]; do read -rt 0.05 <> <(:) || :; done
}

git_served() {
	mkdir -p git && git init -q git/table && cp "$1" git/table/table.csv && git -C git/table add -A && git -C git/table commit -qm first
	git daemon --reuseaddr --listen=127.0.0.1 --port=9419 --base-path="$WORK/git" --export-all "$WORK/git" >>err.log 2>&1 &
	children+=($!)
	while ! git ls-remote git://127.0.0.1:9419/table >/dev/null 2>&1; do :; done
}

rsync_served() {
	mkdir -p rs && cp "$1" rs/table.csv
	printf 'use chroot = no\nport = 9420\naddress = 127.0.0.1\n[rs]\nuid = %s\ngid = %s\npath = %s/rs\nread only = yes\n' "$(id -u)" "$(id -g)" "$WORK" >rsyncd.conf
	rsync --daemon --no-detach --config=rsyncd.conf >>err.log 2>&1 &
	children+=($!)
	while ! rsync rsync://127.0.0.1:9420/rs/ >/dev/null 2>&1; do :; done
}

again() { rm -rf copy; cp -a "$1" copy; }
repeat() { local prepare=$1 i; shift; for i in $(seq "$RUNS"); do $prepare; secs "$@"; done | median; }
gone() { rm -rf copy; }

serve_all() {
	table table "$ROWS"
	dataset table in/table.csv
	if have git; then git_served in/table.csv; fi
	if have rsync; then rsync_served in/table.csv; fi
}

clone() {
	row "clone and checkout, $ROWS rows" tool seconds wire_bytes trips
	local t
	t=$(repeat gone ben clone --json "$(cat table.url)" copy); row "" constl "$t" "$(field bytes)" "$(field rounds)"
	echo "                                      store of the first: $(cat table/.constl/packs/*.pack | wc -c) bytes"
	if have git; then t=$(repeat gone git clone -q git://127.0.0.1:9419/table copy); row "" git "$t" - -; fi
	if have rsync; then t=$(repeat gone rsync -a --stats rsync://127.0.0.1:9420/rs/ copy); row "" rsync "$t" "$(sed -n 's/^Total bytes received: //p' out | tr -d ,)" -; fi
}

# replaced puts a copy of a file in the place of an older one, as programs do that mind a power cut.
replaced() { cp "$1" "$2.new" && mv "$2.new" "$2" && sync "$2"; }

# The folders live on from pull to pull, as those of people do: $RUNS versions, each
# with 100 other cells changed. What is fetched alone is forgotten again.
pull() {
	local i
	ben clone "$(cat table.url)" copy-constl >/dev/null
	if have git; then git clone -q git://127.0.0.1:9419/table copy-git; fi
	if have rsync; then mkdir -p copy-rsync && cp -p rs/table.csv copy-rsync/; fi
	rm -f times-*
	for i in $(seq "$RUNS"); do
		tablegen -rows "$ROWS" -edit "cells:100@$((i * 7))" >next.csv
		cp next.csv table/table.csv && ana -C table commit -m "cells $i" >/dev/null
		again copy-constl
		secs ben -C copy fetch --json >>times-fetch
		secs ben -C copy-constl pull --json >>times-constl
		cat out >out-constl
		cmp next.csv copy-constl/table.csv
		gone && secs cp next.csv copy >>times-cp
		mkdir -p copy-plain && secs replaced next.csv copy-plain/table.csv >>times-replaced
		if have git; then
			cp next.csv git/table/table.csv && git -C git/table commit -qam "cells $i"
			secs git -C copy-git pull -q >>times-git
		fi
		if have rsync; then
			cp next.csv rs/table.csv
			secs rsync -a --stats rsync://127.0.0.1:9420/rs/ copy-rsync >>times-rsync
			cat out >out-rsync
		fi
	done
	row "pull of 100 cells, $ROWS rows" tool seconds wire_bytes trips
	cat out-constl >out
	row "" constl "$(median <times-constl)" "$(field bytes)" "$(field rounds)"
	row "  without the folder" constl "$(median <times-fetch)" - -
	row "  a copy of the file alone" cp "$(median <times-cp)" - -
	row "  one in the old one's place, on disk" "cp mv sync" "$(median <times-replaced)" - -
	if have git; then row "" git "$(median <times-git)" - -; fi
	if have rsync; then
		row "" rsync "$(median <times-rsync)" "$(sed -n 's/^Total bytes received: //p' out-rsync | tr -d ,)+$(sed -n 's/^Total bytes sent: //p' out-rsync | tr -d ,)" -
	fi
}

growth() {
	local n name t
	for n in $((ROWS / 10)) "$ROWS"; do
		name=rows$n
		table "$name" "$n"
		dataset "$name" "in/$name.csv"
		ben clone "$(cat "$name.url")" "before-$name" >/dev/null
		cp "in/$name-cells.csv" "$name/$name.csv" && ana -C "$name" commit -m cells >/dev/null
		t=$(repeat "again before-$name" ben -C copy fetch --json)
		row "fetch of 100 cells, $n rows" constl "$t" "$(field bytes)" "$(field rounds)"
	done
}

blob() {
	mkdir -p big && head -c "$BLOB" /dev/urandom >big/blob.bin
	dataset blob big/blob.bin
	row "clone and checkout, $BLOB bytes" tool seconds wire_bytes trips
	local t
	t=$(repeat gone ben clone --json "$(cat blob.url)" copy); row "" constl "$t" "$(field bytes)" "$(field rounds)"
	if have rsync; then
		rm -rf rs && rsync_served big/blob.bin
		t=$(repeat gone rsync -a rsync://127.0.0.1:9420/rs/ copy); row "" rsync "$t" - -
	fi
	echo "                                      beside a bare stream: go test ./transport/reach -run '^$' -bench 'Blob|Bare'"
}

for what in "${@:-all}"; do
	case $what in
	clone) serve_all; clone ;;
	pull) serve_all; pull ;;
	growth) growth ;;
	blob) blob ;;
	all) serve_all; clone; pull; growth; stop; blob ;;
	*) sed -n '2,/^$/s/^# \{0,1\}//p' "$0"; exit 2 ;;
	esac
	stop
	rm -rf copy copy-* before-* table table.url git rs
done
