#!/bin/bash
#
# `make bench`: what an echo costs a node, beside bare jansson and cat, how fast
# simulations run, and how long checkers take. Each figure comes with the command
# that measured it.

set -u
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-build}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
messages=200000
rounds=5

# ---- echo -------------------------------------------------------------------

# One init, then messages of 110 bytes.
awk -v n=$messages 'BEGIN {
	q = "\""
	print "{\"src\":\"c0\",\"dest\":\"n0\",\"body\":{\"type\":\"init\",\"msg_id\":1,\"node_id\":\"n0\",\"node_ids\":[\"n0\"]}}"
	for (i = 1; i <= n; i++) {
		line = "{\"src\":\"c1\",\"dest\":\"n0\",\"body\":{\"type\":\"echo\",\"msg_id\":" i ",\"echo\":\"Please echo " i " "
		print line substr("................................................", 1, 110 - 3 - length(line)) q "}}"
	}
}' >"$scratch/input"
sed 1d "$scratch/input" >"$scratch/echoes"

# User and system time of a command alone, in us a message, between two pipes.
cpu_us() {
	# shellcheck disable=SC2002 # a pipe is what is measured
	cat "$scratch/input" |
		bash -c 'TIMEFORMAT="%U %S"; { time "$@" 2>/dev/null; } 2>"$0"' "$scratch/time" "$@" |
		cat >/dev/null
	awk -v n=$messages '{ print ($1 + $2) * 1e6 / n }' "$scratch/time"
}

jansson_us() { "$build/bench/jansson_echo" <"$scratch/echoes" | sed 's/.*, \([0-9.]*\) us each.*/\1/'; }

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

for _ in $(seq $rounds); do
	cpu_us "$build/bin/echo" >>"$scratch/node"
	jansson_us >>"$scratch/jansson"
	cpu_us cat >>"$scratch/cat"
done
node=$(median <"$scratch/node") jansson=$(median <"$scratch/jansson") cat=$(median <"$scratch/cat")

echo "$messages echoes of 110 bytes, user + sys, median of $rounds rounds, all in turn:"
printf '%-24s %6s us a message\n' "cat" "$cat" "bare jansson" "$jansson" "echo" "$node"
echo "echo costs $(awk -v a="$node" -v b="$jansson" 'BEGIN { printf "%.2f", a / b }') times bare jansson (at most 1.5)"
echo "  cat messages | time $build/bin/echo | cat >/dev/null; $build/bench/jansson_echo <messages"

# ---- simulation -------------------------------------------------------------

# Each run has so few broadcasts that reads stay below 100 elements.
set -- sim -w broadcast --node broadcast-flood --node-count 25 --rate 10 --time-limit 15 --latency 100 --seeds 1..40 --jobs 1
echo
echo "simulation, one core (at least 100000 messages a second):"
echo "  $build/bin/eddy $*"
"$build/bin/eddy" "$@" | tail -n 1

# ---- checkers ---------------------------------------------------------------

for workload in list-append rw-register; do
	echo
	echo "the checker of $workload (at most 2 s and 1 GiB for 100000 transactions, about in proportion):"
	echo "  $build/bench/transactions $workload 10000 100000 1000000"
	"$build/bench/transactions" $workload 10000 100000 1000000
done
