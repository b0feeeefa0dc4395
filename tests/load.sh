#!/bin/sh
#
# `make load`: eddy with more than it is made for. Many nodes, many operations,
# nodes that write far too much, and a store without room: nothing is lost, or
# the run says what was; it ends, and no process is left. Shows what it
# measured; the last line counts: N passed, N failed.

set -u
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build}
PATIENCE_S=300 # of one run: that is a hang
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'trap - TERM; kill 0' INT TERM HUP
passed=0 failed=0
blocks='' enter='' # a limit for every file; what the run is started by

ok() { echo "ok      $*" && passed=$((passed + 1)); }
bad() { echo "FAILED  $*" && failed=$((failed + 1)); }

# check NAME COMMAND...
check() {
	name=$1
	shift
	if "$@"; then ok "$name"; else bad "$name: $*"; fi
}

# The nodes that run: eddy has started whatever has the scratch directory's name in its environment.
left() {
	for process in /proc/[0-9]*; do
		grep -q -s "EDDY_LOAD_NODE=$scratch" "$process/environ" && tr '\0' ' ' <"$process/cmdline" && echo
	done
}

# run NAME STATUS ARGUMENT...: `eddy test` with them; its output is in $output, its directory is $store.
run() {
	title=$1 wanted=$2 output=$scratch/output store=$scratch/store/echo/latest
	shift 2
	rm -rf "$scratch/store"
	(
		[ -z "$blocks" ] || ulimit -f "$blocks"
		# shellcheck disable=SC2086 # of several words, or none
		EDDY_LOAD_NODE=$scratch exec timeout -k 10 $PATIENCE_S $enter "$BUILD/bin/eddy" test --store "$scratch/store" "$@"
	) >"$output" 2>&1
	status=$?
	if [ $status -eq "$wanted" ]; then
		ok "$title: exit status $status"
	else
		cat "$output"
		bad "$title: exit status $status, expected $wanted"
	fi
	check "$title: no process is left" none_left
}

says() { grep -q -e "$1" "$output"; }
logged() { grep -q -e "$2" "$store/node-logs/$1.log"; }
# How often a type of operation stands in the history, or of event in the journal.
operations() { grep -c ":type :$1[,}]" "$store/history.edn"; }
events() { grep -c "^{\"type\":\"$1\"" "$store/messages.jsonl"; }

all_answered() { [ "$(operations invoke)" -gt 0 ] && [ "$(operations invoke)" -eq "$(operations ok)" ]; }
all_arrived() { [ "$(events send)" -gt 0 ] && [ "$(events send)" -eq "$(events recv)" ]; }

# ---- the loads ------------------------------------------------------------------

load_nodes() {
	run '100 nodes' 0 -w echo --bin "$BUILD/bin/echo" --node-count 100 --concurrency 1n --rate 500 --time-limit 5
	check '100 nodes: every operation is answered' all_answered
	check '100 nodes: every message arrives, and is in the journal' all_arrived
	check '100 nodes: every one of them answers' test \
		"$(sed -n 's/.*"src":"\(n[0-9]*\)".*"echo_ok".*/\1/p' "$store/messages.jsonl" | sort -u | wc -l)" -eq 100
}

load_operations() {
	run '10,000 operations per second' 0 -w echo --bin "$BUILD/bin/echo" --rate 10000 --concurrency 100 --time-limit 5
	echo "        $(($(operations invoke) / 5)) operations per second on this machine"
	check '10,000 operations per second: every one is answered' all_answered
	check '10,000 operations per second: every message arrives, and is in the journal' all_arrived
}

# besides HOW STATUS: three nodes, of which n0 does that with its first echo.
besides() {
	run "$1" "$2" -w echo --bin tests/load/node.py --node-count 3 --rate 20 --time-limit 20 -- "$1"
}

load_lines() {
	if ! command -v python3 >/dev/null; then
		echo 'skipped a node that writes too much: no python3'
		return
	fi
	besides longest-line 0
	check 'longest-line: it arrives whole' logged n1 'the end: 1 lines, 671088[0-9]* bytes'
	check 'longest-line: every message arrives, and is in the journal' all_arrived
	besides too-long-line 1
	check 'too-long-line: the run says so' says 'node n0: a line of 67108865 bytes, which is over the limit of 67108864'
	check 'too-long-line: what comes behind it is heard' logged n1 'the end: 0 lines'
	besides many-lines 0
	check 'many-lines: all of them arrive' logged n1 'the end: 1000000 lines'
	check 'many-lines: every message is in the journal' all_arrived
	besides endless-line 1
	check 'endless-line: the run says so' says 'node n0: a line of [0-9]* bytes, which is over the limit of 67108864'
	besides many-words 0
	check 'many-words: its log ends, and the run says so' says 'n0: its log is full'
	check 'many-words: what comes behind is heard' logged n1 'the end: 0 lines'
}

# What the store wants is more than there is: of a file's size, and then of room.
load_full() {
	blocks=256 # of 512 bytes, and of every file
	run 'files that must not grow' 255 -w echo --bin "$BUILD/bin/echo" --rate 1000 --time-limit 5
	check 'files that must not grow: the run says so' says 'messages.jsonl: File too large'
	blocks=''
	if ! unshare -rm mount -t tmpfs -o size=256k load "$scratch" 2>/dev/null; then
		echo 'skipped a disk that is full: no file system can be mounted here'
		return
	fi
	enter="unshare -rm $scratch/enter"
	printf '#!/bin/sh\nmkdir -p "%s" && mount -t tmpfs -o size=256k load "%s" && exec "$@"\n' \
		"$scratch/store" "$scratch/store" >"$scratch/enter"
	chmod +x "$scratch/enter"
	run 'a disk that is full' 255 -w echo --bin "$BUILD/bin/echo" --rate 1000 --time-limit 5
	check 'a disk that is full: the run says so' says 'messages.jsonl: No space left on device'
	enter=''
}

# A process may take its time to go away, but not long.
none_left() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ "$(left | wc -l)" -eq 0 ] && return
		sleep 0.5
	done
	left
	return 1
}

load_nodes
load_operations
load_lines
load_full
echo "$passed passed, $failed failed"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
