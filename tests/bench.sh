#!/bin/bash
#
# `make bench`: what the runtime, the simulator, eddy and the checkers cost, each
# figure with the command that measured it and with what it must reach. The
# report is also left in build/bench.md. A part is a function part_NAME that
# prints markdown; PARTS="NAME..." runs only these.

set -u
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-build}
eddy=$build/bin/eddy
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
rounds=5 # of what is repeated
parts="machine echo start saturation delivered simulation large raft checkers messages"

# ---- help -------------------------------------------------------------------

heading() { printf '\n## %s\n\n' "$1"; }

command_line() { printf '\n    %s\n' "$*"; }

table() {
	printf '| %s | measured | to reach | |\n|---|---|---|---|\n' "$1"
}

# row WHAT MEASURED UNIT OPERATOR LIMIT: OPERATOR is <= or >=; without it the figure is only shown.
row() {
	if [ -z "$2" ]; then
		printf '| %s | NOT measured | | NOT reached |\n' "$1"
		return
	fi
	if [ $# -lt 5 ]; then
		printf '| %s | %s %s | | |\n' "$1" "$2" "$3"
		return
	fi
	case $2 in
	*[!0-9.e+-]* | -*)
		printf '| %s | NOT measured (%s) | | NOT reached |\n' "$1" "$2"
		return
		;;
	esac
	verdict=$(awk -v x="$2" -v op="$4" -v y="$5" 'BEGIN { print (op == "<=" ? x <= y : x >= y) ? "reached" : "NOT reached" }')
	printf '| %s | %s %s | %s %s | %s |\n' "$1" "$2" "$3" "$([ "$4" = '<=' ] && echo 'at most' || echo 'at least')" "$5" \
		"$verdict"
}

# The line in the middle.
median() { sort -n | awk '{ v[NR] = $0 } END { print v[int((NR + 1) / 2)] }'; }

# calc FORMAT EXPRESSION
calc() { awk "BEGIN { printf \"$1\", $2 }"; }

has() { command -v "$1" >/dev/null 2>&1; }

version() { "$@" 2>&1 | head -n 1; }

# usage COMMAND...: its own processor time, that of its children, in s; and the largest resident set, in KiB.
usage() { "$build/bench/usage" "$scratch/usage" "$@" >"$scratch/output" 2>&1 || cat "$scratch/output" >&2; }

# field N: of what usage() measured.
field() { awk -v n="$1" '{ print $n }' "$scratch/usage"; }

# stat NAME: a number from :stats in what the last `eddy test` printed.
stat() { sed -n "s/.*stats .*$1 \([0-9]*\).*/\1/p" "$scratch/output" | head -n 1; }

# Messages that were delivered in the last tests: the other lines of the journal are of their sending.
delivered() { find "$scratch/store" -name messages.jsonl -type f -exec cat {} + | grep -c '^{"type":"recv"'; }

run_test() {
	rm -rf "$scratch/store"
	usage "$eddy" test "$@" --store "$scratch/store"
}

# ---- the machine --------------------------------------------------------------

# woken [COMMAND...]: the figures of tests/bench/wake.c, the median of some runs.
woken() {
	for _ in $(seq "$rounds"); do
		"$@" "$build/bench/wake"
	done | median | awk '{ printf "%s us; there and back %s us, and %s us of processor time; a sleep: %s us of processor time", $1, $2, $3, $4 }'
}

part_machine() {
	echo "# eddy: what it costs"
	echo
	echo "$(date -u '+%d %B %Y, %H:%M UTC'), commit $(git describe --always --dirty 2>/dev/null || echo unknown)."
	echo
	echo "- $(uname -srm), $(getconf _NPROCESSORS_ONLN) processors: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
	echo "- load average at the beginning: $(cut -d ' ' -f 1-3 /proc/loadavg)"
	echo "- $(version "${CC:-cc}" --version); jansson $(pkg-config --modversion jansson)"
	for tool in cat python3 node; do
		has $tool && echo "- $(version $tool --version | sed "s/^v/node v/")"
	done
	has go && echo "- $(version go version)"
	echo "- a write that wakes another process: $(woken)"
	echo "- the same on one processor: $(woken taskset -c 0)"
	return 0
}

# ---- echo -----------------------------------------------------------------------

messages=200000

# One init, then messages of 110 bytes.
make_input() {
	awk -v n=$messages 'BEGIN {
		q = "\""
		print "{\"src\":\"c0\",\"dest\":\"n0\",\"body\":{\"type\":\"init\",\"msg_id\":1,\"node_id\":\"n0\",\"node_ids\":[\"n0\"]}}"
		for (i = 1; i <= n; i++) {
			line = "{\"src\":\"c1\",\"dest\":\"n0\",\"body\":{\"type\":\"echo\",\"msg_id\":" i ",\"echo\":\"Please echo " i " "
			print line substr("................................................", 1, 110 - 3 - length(line)) q "}}"
		}
	}' >"$scratch/input"
	sed 1d "$scratch/input" >"$scratch/echoes"
}

# User and system time of a command alone, in us a message, between two pipes.
cpu_us() {
	# shellcheck disable=SC2002 # a pipe is what is measured
	cat "$scratch/input" |
		bash -c 'TIMEFORMAT="%U %S"; { time "$@" 2>/dev/null; } 2>"$0"' "$scratch/time" "$@" |
		cat >/dev/null
	awk -v n=$messages '{ print ($1 + $2) * 1e6 / n }' "$scratch/time"
}

jansson_us() { "$build/bench/jansson_echo" <"$scratch/echoes" | sed 's/.*, \([0-9.]*\) us each.*/\1/'; }

# The nodes that answer: a name, and how they are called.
echo_nodes() {
	echo "echo $build/bin/echo"
	echo "cat cat"
	has python3 && echo "python3 python3 tests/bench/echo.py"
	has node && echo "node node tests/bench/echo.js"
	has go && go build -o "$scratch/echo-go" tests/bench/echo.go && echo "go $scratch/echo-go"
	return 0
}

part_echo() {
	make_input
	echo_nodes >"$scratch/nodes"
	for _ in $(seq "$rounds"); do
		jansson_us >>"$scratch/us.jansson"
		while read -r name command; do
			# shellcheck disable=SC2086 # a command and its arguments
			cpu_us $command >>"$scratch/us.$name"
		done <"$scratch/nodes"
	done
	bare=$(median <"$scratch/us.jansson")
	heading "An echo"
	echo "$messages messages of 110 bytes over pipes, user + sys of the node, median of $rounds rounds, all in turn. Bare"
	echo "jansson parses, builds and dumps the same message in memory; \`cat\` only copies."
	echo
	table "node"
	row "bare jansson" "$bare" "us a message"
	while read -r name _; do
		us=$(median <"$scratch/us.$name")
		row "$name" "$us" "us a message: $(calc %.2f "$us / $bare") times bare jansson"
	done <"$scratch/nodes"
	row "\`echo\` in bare jansson" "$(calc %.2f "$(median <"$scratch/us.echo") / $bare")" "times" '<=' 1.25
	command_line "cat messages | time $build/bin/echo | cat >/dev/null; $build/bench/jansson_echo <messages"
}

# ---- starting ---------------------------------------------------------------------

# From the start of eddy's clock until the first client's request, in ms: the journal knows. The clients of init are the first.
first_operation_ms() {
	run_test "$@" --time-limit 1 --rate 100
	grep '^{"type":"send"' "$scratch"/store/*/latest/messages.jsonl | grep '"src":"c' | grep -v '"type":"init"' |
		sed -n '1s/.*"time":\([0-9]*\),.*/\1/p' | awk '{ print $1 / 1e6 }'
}

part_start() {
	heading "Starting"
	table "from fork to the answer of init, median of 101; \`eddy test\`: median of $rounds"
	for node in echo broadcast lin-kv; do
		read -r ms least kib < <("$build/bench/start" "$build/bin/$node")
		row "\`$node\` answers init after" "$ms" "ms (at best $least)" '<=' 2
		row "\`$node\` while idle, resident" "$(calc %.2f "$kib / 1024")" "MiB" '<=' 3
	done
	for count in 1 5; do
		ms=$(for _ in $(seq "$rounds"); do
			first_operation_ms -w echo --bin "$build/bin/echo" --node-count "$count"
		done | median)
		row "\`eddy test\`, nodes: $count: first operation after" "$ms" "ms" '<=' 50
	done
	echo
	echo "Of the time to the first operation about 20 ms are waited on purpose: nodes do not start all at once."
	command_line "$build/bench/start $build/bin/echo"
	command_line "$eddy test -w echo --bin $build/bin/echo --node-count 5 --time-limit 1 --rate 100; head store/latest/messages.jsonl"
}

# ---- eddy at work -------------------------------------------------------------------

part_saturation() {
	seconds=3
	set -- -w echo --bin "$build/bin/echo" --node-count 1 --concurrency 10 --rate 1000000 --time-limit $seconds
	heading "Echo at saturation"
	table "10 clients that wait for their answers, one node, real processes; median and spread of $rounds runs"
	for _ in $(seq "$rounds"); do
		run_test "$@"
		calc '%d ' "$(stat ok) / $seconds"
		calc '%.2f %.2f\n' "$(field 1) * 1e6 / $(stat ok), $(field 2) * 1e6 / $(stat ok)"
	done >"$scratch/saturated"
	row "operations a second" "$(median <"$scratch/saturated" | cut -d ' ' -f 1)" \
		"($(sort -n "$scratch/saturated" | awk '{ v[NR] = $1 } END { print v[1] " to " v[NR] }'))" '>=' 80000
	row "processor time of eddy, the report included; of the node" \
		"$(cut -d ' ' -f 2 "$scratch/saturated" | median), $(cut -d ' ' -f 3 "$scratch/saturated" | median)" "us an operation"
	row "eddy's largest resident set" "$(calc %.0f "$(field 3) / 1024")" "MiB"
	echo
	echo "The two share a processor (harness/placement.h): what it costs to wake one on another stands above."
	command_line "$eddy test $*"
}

# eddys_time ARGUMENTS...: of a test: eddy's processor time in us, and the messages delivered.
eddys_time() {
	run_test "$@"
	calc '%.0f %d ' "$(field 1) * 1e6, $(delivered)"
}

# delivered_real WHAT ARGUMENTS...: of `eddy test`, without what starting and ending takes, as a test of few operations tells.
delivered_real() {
	what=$1
	shift
	for _ in $(seq "$rounds"); do
		eddys_time "$@"
		eddys_time "$@" --rate 3
		echo
	done | awk '{ printf "%.2f\n", ($1 - $3) / ($2 - $4) }' | sort -n >"$scratch/delivered"
	row "$what, real processes" "$(median <"$scratch/delivered")" \
		"us ($(sed -n 1p "$scratch/delivered") to $(tail -n 1 "$scratch/delivered"))" '<=' 5
	command_line "$eddy test $*; $eddy test $* --rate 3" >>"$scratch/commands"
}

# The simulated messages are those that were delivered.
delivered_simulated() {
	what=$1
	shift
	usage "$eddy" sim "$@" --jobs 1
	count=$(sed -n 's/.* runs, \([0-9]*\) messages.*/\1/p' "$scratch/output")
	row "$what, simulated" "$(calc %.2f "$(field 1) * 1e6 / $count + $(field 2) * 1e6 / $count")" "us" '<=' 4
	command_line "$eddy sim $* --jobs 1" >>"$scratch/commands"
}

flood="-w broadcast --node-count 25 --latency 100"

part_delivered() {
	: >"$scratch/commands"
	heading "A delivered message"
	table "eddy's processor time, checking and the report included, by messages delivered; medians of $rounds, with real processes of 11"
	rounds=11 delivered_real "echo" -w echo --bin "$build/bin/echo" --node-count 1 --concurrency 10 --rate 1000000 --time-limit 3
	# So few broadcasts that reads stay at about 100 elements.
	# shellcheck disable=SC2086 # several flags
	rounds=11 delivered_real "broadcast-flood" $flood --bin "$build/bin/broadcast-flood" --rate 100 --time-limit 2 --recovery 2
	row "of that, about as many system calls alone" "$(for _ in $(seq "$rounds"); do "$build/bench/calls"; done | median)" ""
	command_line "$build/bench/calls" >>"$scratch/commands"
	delivered_simulated "echo" -w echo --node echo --node-count 5 --rate 1000 --time-limit 10 --seeds 1..5
	# shellcheck disable=SC2086
	delivered_simulated "broadcast-flood" $flood --node broadcast-flood --rate 10 --time-limit 15 --seeds 1..20
	echo
	echo "The system calls are those of broadcast-flood: what reads nothing but makes them is tests/bench/calls.c."
	cat "$scratch/commands"
}

part_simulation() {
	heading "Simulations"
	# shellcheck disable=SC2086
	set -- $flood --node broadcast-flood --rate 10 --time-limit 15 --seeds 1..40 --jobs 1
	usage "$eddy" sim "$@"
	count=$(sed -n 's/.* runs, \([0-9]*\) messages.*/\1/p' "$scratch/output")
	table "one core, 25 nodes, reads below 100 elements"
	row "messages by second of processor time" "$(calc %.0f "$count / ($(field 1) + $(field 2))")" "" '>=' 200000
	row "messages by second of the clock" "$(sed -n 's/.*(\([0-9]*\) messages.s).*/\1/p' "$scratch/output")" ""
	command_line "$eddy sim $*"
}

large_mib=2048 # the memory that a simulation of many nodes is given

part_large() {
	heading "1000 nodes in one simulation"
	table "5 operations a second for 5 s, latency 20 ms, in $large_mib MiB"
	for node in broadcast broadcast-flood; do
		set -- -w broadcast --node $node --node-count 1000 --rate 5 --time-limit 5 --latency 20
		(ulimit -v $((large_mib * 1024)) && usage "$eddy" sim "$@" 2>/dev/null)
		count=$(sed -n 's/^hash .* \([0-9]*\) messages.*/\1/p' "$scratch/output")
		if [ -z "$count" ]; then
			row "\`$node\`: messages before it ran out of memory" 0 "" '>=' 1
			continue
		fi
		row "\`$node\`: $count messages" "$(field 1)" "s of processor time"
		row "\`$node\`: largest resident set" "$(calc %.0f "$(field 3) / 1024")" "MiB" '<=' 1024
	done
	command_line "$eddy sim $*"
}

# Writes and compare-and-sets are committed by a majority before they are answered, those that find another value too.
part_raft() {
	set -- -w lin-kv --bin "$build/bin/lin-kv" --node-count 3 --concurrency 60n --rate 1000000 --time-limit 5
	run_test "$@"
	writes=$(grep -e ':type :ok' -e ':precondition-failed' "$scratch"/store/lin-kv/latest/history.edn |
		grep -c -e ':f :write' -e ':f :cas')
	heading "Raft at saturation"
	table "3 nodes of \`lin-kv\`, 60 clients a node, real processes"
	row "operations a second" $(($(stat ok) / 5)) ""
	row "committed writes and compare-and-sets by second of all nodes' processor time, reads included in that" "$(calc %.0f "$writes / $(field 2)")" "" \
		'>=' 20000
	command_line "$eddy test $*"
}

# ---- checkers -------------------------------------------------------------------------

# curve COMMAND...: a row each for 10000, 100000 and 1000000 operations. LIMITS: for 100000, in s and MiB.
curve() {
	name=$1
	shift
	command_line "$* 10000 100000 1000000" >>"$scratch/commands"
	for count in 10000 100000 1000000; do
		"$@" $count >"$scratch/curve"
		s=$(sed -n 's/.* in *\([0-9.]*\) s .*/\1/p' "$scratch/curve")
		mib=$(sed -n 's/.*at most \([0-9]*\) MiB.*/\1/p' "$scratch/curve")
		if [ $count -eq 100000 ]; then
			row "$name, $count" "$s" "s" '<=' 2
			row "$name, $count, with the history" "$mib" "MiB" '<=' 1024
		else
			row "$name, $count" "$s" "s, $mib MiB with the history"
		fi
	done
}

part_checkers() {
	: >"$scratch/commands"
	heading "Checkers"
	table "processor time for so many operations, transactions of 1 to 4"
	curve "linearizability" "$build/bench/registers"
	curve "list-append" "$build/bench/transactions" list-append
	curve "rw-register" "$build/bench/transactions" rw-register
	cat "$scratch/commands"
}

# ---- messages --------------------------------------------------------------------------

part_messages() {
	heading "Messages"
	tests/bench/messages.sh
}

# ---- all of it --------------------------------------------------------------------------

for part in ${PARTS:-$parts}; do
	"part_$part"
done | tee "$scratch/report"
mv "$scratch/report" "$build/bench.md"
