#!/bin/bash
# Times `tidemark aggregate` and sqlite3 on the same CSV file, by turns: count and sum of each group.
#
#   Benchmarks/aggregate.sh FILE.csv [GROUP_COLUMN [SUM_COLUMN [ROUNDS]]]
#
# sqlite3 imports the file into memory and groups it once; Tidemark keeps a state and a changelog on disk. Each time is
# that of the whole process. A round that isn't counted comes first, so that both find the file in the page cache.
set -euo pipefail
shopt -s inherit_errexit

if [ -z "${1:-}" ] || [ $# -gt 4 ]; then
  echo "usage: $0 FILE.csv [GROUP_COLUMN [SUM_COLUMN [ROUNDS]]], or make bench-aggregate CSV=FILE.csv" >&2
  exit 64
fi
file=$1 group=${2:-CustomerID} sum=${3:-Quantity} rounds=${4:-7}
tidemark=${TIDEMARK:-.build/release/tidemark}

if [ ! -r "$file" ]; then
  echo "$file can't be read." >&2
  exit 66
fi
if ! command -v sqlite3 > /dev/null; then
  echo "sqlite3 is missing. On Debian and Ubuntu: sudo apt-get install sqlite3; on Fedora: sudo dnf install sqlite." >&2
  exit 69
fi
if [ ! -x "$tidemark" ]; then
  echo "$tidemark is missing. Run: make build" >&2
  exit 69
fi

mkdir -p .build
work=$(mktemp -d .build/bench-aggregate.XXXXXX)
trap 'rm -rf "$work"' EXIT

run_sqlite3() {
  sqlite3 :memory: > "$work/sqlite3" <<SQL
.mode csv
.import "$file" rows
select "$group", count(*), sum("$sum") from rows group by "$group";
SQL
}

run_tidemark() {
  "$tidemark" aggregate "$file" --group-by "$group" --count --sum "$sum" \
    --state "$work/state" --progress none > /dev/null
}

# Prints how many milliseconds a side takes.
milliseconds() {
  rm -rf "$work/state"
  local begin=${EPOCHREALTIME/[.,]/}
  "run_$1"
  echo $(((${EPOCHREALTIME/[.,]/} - begin) / 1000))
}

# Prints the middle one of its arguments.
median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }

sqlite3_times=() tidemark_times=()
for ((round = 0; round <= rounds; round++)); do
  sqlite3_time=$(milliseconds sqlite3)
  tidemark_time=$(milliseconds tidemark)
  if ((round == 0)); then
    groups=$(wc -l < "$work/sqlite3") kept=$("$tidemark" scan --json --state "$work/state" | wc -l)
    if ((groups != kept)); then
      echo "sqlite3 finds $groups groups, tidemark $kept: the file isn't read alike." >&2
      exit 1
    fi
    echo "$groups groups on both sides"
    continue
  fi
  echo "round $round: sqlite3 $sqlite3_time ms, tidemark $tidemark_time ms"
  sqlite3_times+=("$sqlite3_time") tidemark_times+=("$tidemark_time")
done

sqlite3_time=$(median "${sqlite3_times[@]}") tidemark_time=$(median "${tidemark_times[@]}")
ratio=$((sqlite3_time * 100 / tidemark_time))
printf 'medians of %d rounds: sqlite3 %d ms, tidemark %d ms; ratio (sqlite3 / tidemark) %d.%02d\n' \
  "$rounds" "$sqlite3_time" "$tidemark_time" $((ratio / 100)) $((ratio % 100))
