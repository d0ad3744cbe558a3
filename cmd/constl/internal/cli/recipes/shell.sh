#!/bin/sh
# Checks a contribution: what the folder has changed since a version, or since an
# earlier copy of a folder that is no dataset.
# Run it in the folder, as: sh validate.sh origin/main
# It prints what is wrong, writes what changed, row by row, to the file that CHANGES
# names (changes.md beside the folder, if nothing does), and ends with 1 if the
# contribution is not valid.
set -eu
base=${1:-HEAD}
changes=${CHANGES:-../changes.md}
if [ -d "$base" ]; then
  : > "$changes"
  find . -name '.*' ! -name . -prune -o \( -name '*.csv' -o -name '*.tsv' \) -print | while IFS= read -r file; do
    [ ! -e "$base/$file" ] || constl diff "$base/$file" "$file" --markdown >> "$changes"
  done
else
  constl diff "$base" --markdown > "$changes"
fi
constl validate . --changed-since "$base"
