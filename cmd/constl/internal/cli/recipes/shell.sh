#!/bin/sh
# Checks a contribution: what the folder has changed since a version.
# Run it in a dataset, as: sh validate.sh origin/main
# It prints what is wrong, writes what changed, row by row, to changes.md, and ends
# with 1 if the contribution is not valid.
base=${1:-HEAD}
constl diff "$base" --markdown > changes.md
constl validate --changed-since "$base"
