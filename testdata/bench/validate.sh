#!/usr/bin/env bash
# validate.sh prints how fast constl checks tables and finds who changed a cell, as whole processes in one run:
# each figure is the median of $RUNS, wall seconds and in brackets CPU seconds, which other work on the machine
# disturbs less.
#
#	testdata/bench/validate.sh [validate] [blame]
#
# validate  a table of $ROWS rows × 10 columns with 12 constraints, a key and 3 rules in CEL: commit, validate, and
#           --changed-since with 100 changed cells, committed and in the folder; the latter with 3 rules about rows as well
# blame     one column, and all, of a table of 200,000 rows that $COMMITS commits changed
#
# Without arguments both. ROWS, RUNS, COMMITS and WORK (the scratch folder) can be set. It needs GNU time.
set -euo pipefail
ROWS=${ROWS:-2000000} RUNS=${RUNS:-5} COMMITS=${COMMITS:-200}
root=$(cd "$(dirname "$0")/../.." && pwd)
WORK=${WORK:-$(mktemp -d)}
mkdir -p "$WORK/home" "$WORK/bin" "$WORK/in"
(cd "$root" && go build -o "$WORK/bin/constl" ./cmd/constl && go build -o "$WORK/bin/tablegen" ./testdata/bench/tablegen)
export PATH=$WORK/bin:$PATH HOME=$WORK/home CONSTL_HOME=$WORK/home/constl
cd "$WORK"

# took runs a command and prints wall and CPU seconds; median keeps the run of the median wall time.
took() {
	/usr/bin/time -f '%e %U %S' -o time.txt "$@" >/dev/null 2>>err.log || { echo "FAILED: $*" >&2; exit 1; }
	awk '{printf "%.2f %.2f\n", $1, $2+$3}' time.txt
}
median() { sort -n | awk '{v[NR]=$0} END{print v[int((NR+1)/2)]}'; }
line() { # line NAME: reads "WALL CPU"; the ratio is to what commit took
	read -r wall cpu
	if [ "$1" = commit ]; then first_wall=$wall first_cpu=$cpu; fi
	awk -v n="$1" -v w="$wall" -v c="$cpu" -v a="${first_wall:-0}" -v b="${first_cpu:-0}" \
		'BEGIN{printf "%-58s %6.2f s (%5.2f s)", n, w, c; if (a > 0) printf "  %5.2f (%.2f) x commit", w/a, c/b; print ""}'
}

package() { # package TABLERULE: what datapackage.json says, with a rule about the table, or none
	cat <<-END
		{"name": "obs", "resources": [{"name": "obs", "path": "obs.csv", "schema": {"primaryKey": ["id"], "fields": [
		  {"name": "id", "type": "integer", "constraints": {"required": true, "minimum": 0}},
		  {"name": "site", "type": "string", "constraints": {"required": true, "pattern": "S[0-9]{3}"}},
		  {"name": "observed_at", "type": "datetime", "constraints": {"minimum": "2005-01-01T00:00:00Z"}},
		  {"name": "species", "type": "string", "constraints": {"required": true, "maxLength": 40}},
		  {"name": "count", "type": "integer", "constraints": {"minimum": 0, "maximum": 100000}},
		  {"name": "temp_c", "type": "number", "constraints": {"minimum": -60, "maximum": 60}},
		  {"name": "lat", "type": "number", "constraints": {"minimum": -90}},
		  {"name": "lon", "type": "number"}, {"name": "observer", "type": "string"}, {"name": "note", "type": "string"}],
		  "constl": {"rules": [
		    {"name": "plausible", "row": "temp_c > -60.0 && (count == 0 || species != '')"},
		    {"name": "in the area", "row": "lat > 40.0 && lat < 60.0 && lon > -10.0"}, $1]}}}]}
	END
}

first() { rm -rf d && constl init d --name obs >/dev/null 2>&1 && cp in/base.csv d/obs.csv && cp package.json d/datapackage.json && took constl -C d commit -m first; }

validate() {
	[ -s in/base.csv ] || tablegen -rows "$ROWS" >in/base.csv
	[ -s in/cells.csv ] || tablegen -rows "$ROWS" -edit cells:100 >in/cells.csv
	echo "== $ROWS rows × 10 columns, $(du -m in/base.csv | cut -f1) MB, 12 constraints, a key, 3 rules"
	package '{"name": "steady", "row": "count >= 0 && size(species) < 40"}' >package.json
	measure "rules about rows"
	package '{"name": "counts", "table": "sum(count) > 0 && mean(temp_c) < 40.0", "per": ["site"]}' >package.json
	measure "one of the rules about the table"
}

measure() {
	echo "-- $1"
	for _ in $(seq "$RUNS"); do first; done | median >commit.txt
	line commit <commit.txt
	for _ in $(seq "$RUNS"); do rm -rf d/.constl/cache; took constl -C d validate; done | median >validate.txt
	line validate <validate.txt
	cp in/cells.csv d/obs.csv
	for _ in $(seq "$RUNS"); do took constl -C d validate --changed-since HEAD; done | median >since.txt
	line "--changed-since, 100 cells changed, not yet committed" <since.txt
	constl -C d commit -m cells >/dev/null 2>&1
	for _ in $(seq "$RUNS"); do took constl -C d validate --changed-since HEAD~1; done | median >since.txt
	line "--changed-since, 100 cells changed, committed" <since.txt
	for _ in $(seq "$RUNS"); do rm -rf d/.constl/cache; took constl -C d validate --changed-since HEAD~1; done | median >since.txt
	line "  the same, if nothing was ever validated here" <since.txt
}

blame() {
	unset first_wall first_cpu
	echo "== 200000 rows × 10 columns, $COMMITS commits"
	rm -rf b && constl init b --name b >/dev/null 2>&1
	local edits=() i
	for i in $(seq "$COMMITS"); do
		tablegen -rows 200000 -seed 3 "${edits[@]}" >b/obs.csv
		constl -C b commit -m "$i" >/dev/null 2>&1
		edits=(-edit "cells:50@$((i * 17))" -edit "temp:20@$((i * 29))")
	done
	for _ in $(seq "$RUNS"); do took constl -C b blame obs.csv --column count --csv; done | median >blame.txt
	line "blame --column count" <blame.txt
	for _ in $(seq "$RUNS"); do took constl -C b blame obs.csv --csv; done | median >blame.txt
	line "blame, all columns" <blame.txt
}

for what in "${@:-validate}"; do "$what"; done
if [ $# = 0 ]; then blame; fi
