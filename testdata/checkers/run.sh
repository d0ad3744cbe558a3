#!/usr/bin/env bash
# Has programs by others read what constl writes: citations, descriptions, the landing
# page. It needs node with npm, which fetches the programs that package-lock.json names,
# and for the page a Chromium; xmllint reads the XML where it is there. What cannot be had
# is left out, and said so. In CI, as root under Debian, they are installed.
#
#   run.sh [PICTURE]   PICTURE is the beginning of names for screenshots of the page
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [[ ${CI:-} == true && $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
	missing=()
	command -v node >/dev/null || missing+=(nodejs npm)
	command -v xmllint >/dev/null || missing+=(libxml2-utils)
	command -v chromium >/dev/null || missing+=(chromium)
	if ((${#missing[@]})); then
		(apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}") >"$work/apt" 2>&1 ||
			echo "LEFT OUT: ${missing[*]} could not be installed: $(tail -n 1 "$work/apt")"
	fi
fi

(cd "$here/../.." && go build -o "$work/constl" ./cmd/constl)
export CONSTL_HOME=$work/home NO_COLOR=1
constl() { "$work/constl" "$@"; }
constl config --global user.name 'Ana Silva'

write() { # write DATASET FOLDER: every form, of the version that is checked out
	mkdir -p "$2"
	local form
	for form in bibtex:citation.bib biblatex:citation.biblatex csl:citation.csl.json ris:citation.ris cff:CITATION.cff \
		datacite-xml:datacite.xml datacite-json:datacite.json json:citation.json; do
		constl -C "$1" cite --format "${form%%:*}" >"$2/${form#*:}" 2>>"$work/notes"
	done
	for form in croissant csvw dcat eml ro-crate schema.org; do
		constl -C "$1" export metadata --format "$form" -o "$2" >/dev/null 2>>"$work/notes"
	done
	constl -C "$1" export site -o "$2/site" >/dev/null 2>>"$work/notes"
	cp "$1"/*.* "$2"
}

# A dataset of which everything is said, and one of which nothing is.
constl init "$work/full" --name birds >/dev/null 2>&1
cat >"$work/full/counts.csv" <<'C'
occurrenceID,eventDate,scientificName,individualCount,decimalLatitude,decimalLongitude,temp_c,alive
1,2026-04-01,Parus major,3,38.25,-9.5,17.5,true
2,2026-04-02,"Turdus merula, L.",NA,38.5,-9.25,18.25,true
3,2026-04-03,Pica pica,1,38.75,-9,NA,false
4,2026-04-03,Pica pica,7,38.75,-9,16,true
C
echo 'Read me.' >"$work/full/README.md"
cd "$work/full"
constl commit -m first >/dev/null 2>&1
constl describe --title 'Birds of the "delta" & more' --description 'Counts by volunteers, 100% <by eye>.' --language en --license CC-BY-4.0 \
	--author 'Ana Silva <0000-0002-1825-0097> @ Delta Lab <https://ror.org/02mhbdp94>' --author 'Okri, Ben' --keywords 'birds,wetland' \
	--methods 'Point counts.' --methods 'Ten minutes each.' --funding 'DFG; 123; Rivers; https://ror.org/018mejw64' \
	--place 'River delta' --homepage https://example.org/birds --accept >/dev/null
constl describe --title 'Vögel des Deltas' --description 'Gezählt von Freiwilligen.' --in de >/dev/null
constl schema set counts.csv.temp_c --unit Cel --title 'Air temperature' --description 'In the shade.' --minimum -60 2>/dev/null
constl schema set counts.csv.temp_c --title Lufttemperatur --in de 2>/dev/null
constl schema set counts.csv.individualCount --unit '{individuals}' --minimum 0 2>/dev/null
constl commit -m described >/dev/null 2>&1
constl tag v1.0 >/dev/null
write "$work/full" "$work/out/full"
constl export metadata --format dwca -o "$work/out/full/dwca.zip" >/dev/null
constl init "$work/bare" --name penguins >/dev/null 2>&1
cp "$here/../odd/palmerpenguins__inst_extdata_penguins_raw.csv" "$work/bare/penguins.csv"
constl -C "$work/bare" commit -m first >/dev/null 2>&1
write "$work/bare" "$work/out/bare"

if ! command -v npm >/dev/null; then
	echo 'LEFT OUT: npm is not there, so no program by others has read anything'
	exit 0
fi
cp "$here"/*.mjs "$here"/package*.json "$work"
cd "$work"
if ! npm ci --ignore-scripts --no-audit --no-fund >npm.log 2>&1; then
	echo 'LEFT OUT: the programs could not be fetched, so none has read anything:'
	tail -n 3 npm.log
	exit 0
fi
for set in full bare; do
	echo "-- $set"
	node check.mjs "out/$set"
	if command -v xmllint >/dev/null; then
		xmllint --noout "out/$set"/*.xml && echo 'ok    XML, with xmllint: well-formed'
	else
		echo 'LEFT OUT: xmllint is not there'
	fi
	CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
	if [[ -n $CHROMIUM ]]; then
		CHROMIUM=$CHROMIUM node page.mjs "out/$set" ${1:+"$1-$set"}
	else
		echo 'LEFT OUT: no Chromium is there, so nothing has looked at the page'
	fi
done
