#!/bin/sh
#
# `make test`: every kind of test there is, two at a time where that is simple.
# BUILD says where the build is; SEEDS=n sweeps so many seeds in place of as
# many as the time allows. The last line counts: N passed, N failed.

set -u
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build}
export BUILD
eddy=$BUILD/bin/eddy
sweep_s=12   # for all sweeps of cases together
swarm_s=0.25 # for a swarm, of each node
fuzz_s=3     # for each target

# ---- one part ---------------------------------------------------------------

# Each part prints what it finds and then, as its last line, "N passed, N failed".

# One check of its own: passed if the command succeeds; its output is shown if it does not.
check() {
	name=$1
	shift
	if output=$("$@" 2>&1); then
		echo "ok      $name"
		passed=$((passed + 1))
	else
		printf '%s\nFAILED  %s: %s\n' "$output" "$name" "$*"
		failed=$((failed + 1))
	fi
}

count() { echo "${passed:-0} passed, ${failed:-0} failed"; }

# sum_of TEXT REGEX: of the numbers that the regex has marked.
sum_of() { printf '%s\n' "$1" | sed -n "s/$2/\\1/p" | awk '{ n += $1 } END { print n + 0 }'; }

# A binary of unit tests, its report boiled down to what failed.
part_unit() {
	output=$(timeout 120 "$BUILD/unit/$1" 2>&1)
	status=$?
	passed=$(sum_of "$output" '^\[  PASSED  \] \([0-9]*\) test(s)\.')
	failed=$(sum_of "$output" '^\[  FAILED  \].* \([0-9]*\) test(s), listed.*')
	if [ "$failed" -eq 0 ] && [ $status -ne 0 ]; then
		failed=1
	fi
	if [ "$failed" -eq 0 ]; then
		echo "ok      $1: $passed tests"
	else
		printf '%s\n' "$output" | grep -v -e '^\[ RUN ' -e '^\[       OK '
		echo "FAILED  $1: exit status $status"
	fi
	count
}

# A fuzz target: its corpus, then new inputs for a few seconds, the same ones each time; none is kept.
part_fuzz() {
	passed=0 failed=0
	scratch=$(mktemp -d "$OUT/scratch.XXXXXX")
	mkdir -p "$BUILD/crashes" "$scratch/new"
	corpus=tests/fuzz/corpus/${1#fuzz_}
	[ -d "$corpus" ] || corpus=
	# shellcheck disable=SC2086 # none or one
	check "$1" "$BUILD/fuzz/$1" -seed=1 -max_total_time=$fuzz_s -timeout=10 -rss_limit_mb=4096 -close_fd_mask=3 \
		-artifact_prefix="$BUILD/crashes/$1-" "$scratch/new" $corpus
	rm -rf "$scratch"
	count
}

# All cases in simulation: once at full length, and many seeds, short.
part_cases() {
	set -- --harness sim --time-budget "$sweep_s"
	[ -z "${SEEDS:-}" ] || set -- "$@" --seeds "$SEEDS"
	"$eddy" cases "$@" 2>&1
}

# A swarm of each node: the first seeds, and what the time allows.
part_swarm() {
	passed=0 failed=0
	for pair in $("$eddy" cases --list --no-broken | awk '{ print $1 ":" $2 }' | sort -u); do
		set -- "$eddy" sim -w "${pair%:*}" --node "${pair#*:}" --swarm -q --seeds
		check "swarm: $pair" "$@" "1..${SEEDS:-10}"
		[ -n "${SEEDS:-}" ] || check "swarm: $pair, more seeds" "$@" 11..1000000000 --time-budget $swarm_s
	done
	count
}

# expect STATUS COMMAND...
expect() {
	wanted=$1
	shift
	"$@" </dev/null
	status=$?
	[ $status -eq "$wanted" ] && return
	echo "exit status $status, expected $wanted"
	return 1
}

short() { expect "$1" "$eddy" test --store "$scratch/$$.$2" --time-limit 3 --recovery 2 -w "$3" --bin "$4" --rate 30; }

# A few runs with real processes.
part_real() {
	passed=0 failed=0
	scratch=$(mktemp -d "$OUT/scratch.XXXXXX")
	check 'real: broadcast' short 0 a broadcast "$BUILD/bin/broadcast"
	check 'real: g-counter on seq-kv' short 0 b g-counter "$BUILD/bin/g-counter-seq-kv"
	if command -v python3 >/dev/null; then
		check 'real: a node in Python' short 0 c echo tests/echo.py
	else
		echo 'skipped a node in Python: no python3'
	fi
	check 'real: a node that is no program' short 255 d echo LICENSE
	rm -rf "$scratch"
	count
}

# The same seed must give the same events, twice in a row.
hash_of() { "$eddy" sim -w "$1" --node "$2" --nemesis partition --latency 20 --time-limit 10 --seed "$3" 2>&1 | grep -i hash; }

same_hash() {
	first=$(hash_of "$@") && second=$(hash_of "$@") && [ "$first" = "$second" ] && return
	echo "first: $first; second: $second"
	return 1
}

other_hash() { [ "$(hash_of "$1" "$2" 1)" != "$(hash_of "$1" "$2" 2)" ]; }

part_determinism() {
	passed=0 failed=0
	check 'same seed, same hash: broadcast' same_hash broadcast broadcast 7
	check 'same seed, same hash: g-counter-seq-kv' same_hash g-counter g-counter-seq-kv 7
	check 'other seed, other hash' other_hash broadcast broadcast
	count
}

part_script() { "tests/$1.sh" 2>&1; }

# That the patches apply; `make gallery` runs them.
part_gallery() { tests/gallery.sh --applies 2>&1; }

# ---- all of them ------------------------------------------------------------

# `run.sh --part KIND [NAME]`, called below: its output is kept, and shown in one piece when it ends.
if [ "${1:-}" = --part ]; then
	kept=$OUT/part-$2${3:+-$3}
	"part_$2" ${3:+"$3"} >"$kept"
	tail -n 1 "$kept" | grep -q '^[0-9]* passed, [0-9]* failed' || echo '0 passed, 1 failed' >>"$kept"
	sed '$d' "$kept"
	exit 0
fi

OUT=$(mktemp -d)
export OUT
trap 'rm -rf "$OUT"' EXIT
trap 'rm -rf "$OUT"; trap - TERM; kill 0' INT TERM HUP

names() { for file in "$1"*.c; do [ -e "$file" ] && basename "$file" .c; done; }

# Runs in real time mostly wait, so they run beside the rest.
printf '%s\n' real 'script test-run' 'script test-sweep' 'script readme' gallery | xargs -P 2 -L 1 "$0" --part &
{
	names tests/unit/test_ | sed 's/^/unit /'
	names tests/fuzz/fuzz_ | sed 's/^/fuzz /'
	echo determinism
} | xargs -P 2 -L 1 "$0" --part
"$0" --part cases
"$0" --part swarm
wait

tail -q -n 1 "$OUT"/part-* | awk '{ passed += $1; failed += $3 }
	END { print passed " passed, " failed " failed"; exit failed > 0 || passed == 0 }'
