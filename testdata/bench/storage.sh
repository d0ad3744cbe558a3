#!/usr/bin/env bash
# storage.sh prints how fast and how small constl stores tables, beside restic, borg and git where
# they are installed, all in one run: seconds are medians of $RUNS, sizes are what du counts.
#
#	testdata/bench/storage.sh [steps] [small] [many] [real]
#
# steps  first commit, five edits, checkout of a table of $ROWS rows × 10 columns
# small  100,000 small files: commit, then status
# many   1,000 commits of one cell in a table of 200,000 rows
# real   the histories of testdata/versions, before and after gc
#
# Without arguments all of them. ROWS, RUNS, MANY and WORK (the scratch folder) can be set.
set -euo pipefail
ROWS=${ROWS:-2000000} RUNS=${RUNS:-5} MANY=${MANY:-1000}
root=$(cd "$(dirname "$0")/../.." && pwd)
WORK=${WORK:-$(mktemp -d)}
mkdir -p "$WORK/home" "$WORK/bin" "$WORK/in"
(cd "$root" && go build -o "$WORK/bin/constl" ./cmd/constl && go build -o "$WORK/bin/tablegen" ./testdata/bench/tablegen)
export PATH=$WORK/bin:$PATH HOME=$WORK/home CONSTL_HOME=$WORK/home/constl RESTIC_PASSWORD=x BORG_PASSPHRASE=x
export BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org
export GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
cd "$WORK"

# secs runs a command and prints its wall time in seconds; mem prints its peak memory in MB.
secs() {
	local s=$EPOCHREALTIME
	"$@" >/dev/null 2>>"$WORK/err.log" || echo "FAILED: $*" >&2
	awk -v a="$s" -v b="$EPOCHREALTIME" 'BEGIN{printf "%.3f\n", b-a}'
}
mem() { command -v /usr/bin/time >/dev/null && /usr/bin/time -f %M -o "$WORK/mem" "$@" >/dev/null 2>>"$WORK/err.log" && awk '{printf "%d", $1/1024}' "$WORK/mem"; }
kb() { awk -v n="$1" 'BEGIN{printf "%.1f", n/1024}'; }
kib() { du -sk "$1" | cut -f1; }
median() { sort -n | awk '{v[NR]=$1} END{print v[int((NR+1)/2)]}'; }
repeat() { for _ in $(seq "$RUNS"); do "$@"; done | median; }

init_constl() { constl -q init d --name bench >/dev/null 2>&1; };   commit_constl() { constl -q -C d commit -m step; }
init_git() { git init -q d; };                                       commit_git() { git -C d add -A && git -C d commit -qm step; }
init_restic() { mkdir -p d && restic init -q -r r; };                commit_restic() { restic -q -r r backup d; }
init_borg() { mkdir -p d && borg init -e none r; };                  commit_borg() { borg create -C zstd,3 "r::$RANDOM$RANDOM$RANDOM" d; }
restore_constl() { rm -f d/table.csv && constl -q -C d checkout HEAD; }
restore_git() { rm -f d/table.csv && git -C d checkout -q -- table.csv; }
restore_restic() { rm -rf out && restic -q -r r restore latest --target out; }
restore_borg() { rm -rf out && mkdir out && (cd out && borg extract "../r::$(borg list --last 1 --short ../r)"); }
declare -A store=([constl]=d/.constl [git]=d/.git [restic]=r [borg]=r)

tools() { for t in constl restic borg git; do if command -v $t >/dev/null; then echo $t; fi; done; }

steps() {
	local edits=(base cells append addcol setcol insert) flags=("" "-edit cells:100" "-edit append:1000" "-edit addcol" "-edit setcol" "-edit insert:10")
	local i s t run now last
	for i in "${!edits[@]}"; do [ -s "in/${edits[$i]}.csv" ] || tablegen -rows "$ROWS" ${flags[$i]} >"in/${edits[$i]}.csv"; done
	echo "== $ROWS rows × 10 columns, $(du -m in/base.csv | cut -f1) MB"
	printf '%-8s %-9s %9s %11s %11s %8s\n' tool step seconds store_KiB growth_KiB peak_MB
	for t in $(tools); do
		: >first.$t
		for run in $(seq "$RUNS"); do
			rm -rf "run-$t" && mkdir "run-$t" && cd "run-$t"
			init_$t >/dev/null 2>&1 && cp ../in/base.csv d/table.csv
			secs commit_$t >>../first.$t
			cd ..
		done
		cd "run-$t" && last=$(kib "${store[$t]}")
		printf '%-8s %-9s %9s %11s %11s %8s\n' $t base "$(median <../first.$t)" "$last" "$last" "$([ $t = constl ] && memory_of_first || echo -)"
		for s in "${edits[@]:1}"; do
			cp "../in/$s.csv" d/table.csv
			seconds=$(secs commit_$t) && now=$(kib "${store[$t]}")
			printf '%-8s %-9s %9s %11s %11s\n' $t "$s" "$seconds" "$now" "$((now - last))"
			last=$now
		done
		printf '%-8s %-9s %9s\n' $t restore "$(repeat secs restore_$t)"
		cd .. && rm -rf "run-$t"
	done
}

memory_of_first() {
	(rm -rf ../mem-run && mkdir ../mem-run && cd ../mem-run && init_constl && cp ../in/base.csv d/table.csv && mem constl -q -C d commit -m step)
	rm -rf ../mem-run
}

small() {
	local d f t
	echo "== 100,000 files of 200 bytes in 1,000 folders"
	if [ ! -d tiny ]; then
		awk 'BEGIN{srand(1); for(d=0;d<1000;d++){dir=sprintf("tiny/d%04d",d); system("mkdir -p " dir); for(f=0;f<100;f++){s=""; for(i=0;i<20;i++) s=s sprintf("%09d\n",rand()*1e9); file=dir "/f" f ".txt"; printf "%s", s >file; close(file)}}}'
	fi
	for t in git constl; do
		rm -rf "tiny-$t" && cp -r tiny "tiny-$t" && cd "tiny-$t"
		if [ $t = git ]; then git init -q .; else constl -q init . >/dev/null 2>&1; fi
		if [ $t = git ]; then f=$(secs sh -c 'git add -A && git commit -qm x'); else f=$(secs constl -q commit -m x); fi
		secs $t status >/dev/null
		printf '%-8s commit %s  status %s\n' $t "$f" "$(repeat secs $t status)"
		cd .. && rm -rf "tiny-$t"
	done
}

many() {
	local i before most=0 n
	echo "== $MANY commits of one cell in 200,000 rows"
	rm -rf many && mkdir many && cd many && init_constl
	tablegen -rows 200000 >d/table.csv && commit_constl >/dev/null 2>&1
	before=$(kib d/.constl) && : >times
	for i in $(seq "$MANY"); do
		awk -F, -v OFS=, -v k=$((2 + i * 7919 % 200000)) 'NR==k{$5+=1} {print}' d/table.csv >next && mv next d/table.csv
		secs commit_constl >>times
		n=$(find d/.constl -type f | wc -l) && most=$((n > most ? n : most))
	done
	echo "growth $(($(kib d/.constl) - before)) KiB, at most $most files, median of a commit $(median <times) s (wc -l of the file: $(repeat secs wc -l d/table.csv) s)"
	echo "first 50: $(head -50 times | median) s, last 50: $(tail -50 times | median) s"
	echo "log $(repeat secs constl -C d log) s, diff HEAD~$((MANY * 9 / 10)) HEAD $(repeat secs constl -C d diff --stat "HEAD~$((MANY * 9 / 10))" HEAD) s"
	cd .. && rm -rf many
}

real() {
	local dir name v
	echo "== real histories, KiB"
	printf '%-22s %8s %8s %8s %8s %8s\n' history versions constl after_gc restic git_gc
	for dir in "$root"/testdata/versions/*/; do
		name=$(basename "$dir") && rm -rf real && mkdir -p real/c real/g real/r && cd real
		(cd c && init_constl) && git init -q g/d && (cd r && command -v restic >/dev/null && init_restic >/dev/null 2>&1) || true
		for v in "$dir"v*; do
			for t in c g r; do mkdir -p $t/d && cp "$v" "$t/d/table.${v##*.}"; done
			(cd c && commit_constl >/dev/null 2>&1) || true
			(cd g && commit_git >/dev/null 2>&1) || true
			(cd r && commit_restic >/dev/null 2>&1) || true
		done
		before=$(cat c/d/.constl/packs/* | wc -c) && constl -q -C c/d gc >/dev/null && git -C g/d gc -q --aggressive
		printf '%-22s %8d %8s %8s %8s %8s\n' "$name" "$(ls "$dir"v* | wc -l)" "$(kb "$before")" \
			"$(kb "$(cat c/d/.constl/packs/* | wc -c)")" "$([ -d r/r ] && kib r/r || echo -)" \
			"$(kb "$(cat g/d/.git/objects/pack/*.pack | wc -c)")"
		cd .. && rm -rf real
	done
}

for part in "${@:-steps small many real}"; do for p in $part; do $p; done; done
