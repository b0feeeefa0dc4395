#!/bin/sh
#
# `make soak`: the large numbers. `tests/soak.sh PART...`: only these of
#   swarm         SWARM (50000) seeds, split evenly over all nodes, each with faults and sizes of its own
#   partitions    SEEDS (20000) seeds of each node that promises an order, half as many of the others, under
#                 partitions, with what it promises
#   availability  how soon lin-kv is available after a partition
#   memory        whether an hour of lin-kv takes more memory than minutes
# Shows what fails with the command that runs it again, and the time; the last line counts: N passed, N failed.

set -u
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build}
SWARM=${SWARM:-50000}
SEEDS=${SEEDS:-20000}
FAILURES=20 # of one node: then its sweep ends
trap 'trap - TERM; kill 0' INT TERM HUP

[ $# -gt 0 ] || set -- swarm partitions availability memory
for part in "$@"; do
	case $part in
	swarm | partitions | availability | memory) ;;
	*) echo "soak.sh: not swarm, partitions, availability or memory: $part" >&2 && exit 254 ;;
	esac
done

passed=0 failed=0

# sweep WORKLOAD NODE SEEDS FLAG...: shows and counts what it finds.
sweep() {
	name="$1 $2" workload=$1 node=$2 seeds=$3
	shift 3
	output=$("$BUILD/bin/eddy" sim -w "$workload" --node "$node" "$@" --seeds "1..$seeds" --failures $FAILURES 2>&1)
	summary=$(printf '%s\n' "$output" | tail -n 1)
	case $summary in
	*': all valid')
		echo "ok      $name: $summary"
		passed=$((passed + seeds))
		return
		;;
	esac
	printf '%s\nFAILED  %s %s\n' "$output" "$name" "$*"
	runs=$(echo "$summary" | sed -n 's/^seeds [0-9]*\.\.[0-9]*: \([0-9]*\) runs, .*/\1/p')
	found=$(printf '%s\n' "$output" | grep -c 'failing seed [0-9]*; again with: ')
	[ "$found" -gt 0 ] || found=1 runs=${runs:-1}
	passed=$((passed + runs - found)) failed=$((failed + found))
}

# check NAME COMMAND...
check() {
	name=$1
	shift
	if "$@"; then
		echo "ok      $name"
		passed=$((passed + 1))
	else
		echo "FAILED  $name: $*"
		failed=$((failed + 1))
	fi
}

nodes() { "$BUILD/bin/eddy" cases --list --no-broken | awk '{ print $1, $2 }' | sort -u; }

part_swarm() {
	each=$((SWARM / $(nodes | wc -l) + 1))
	for pair in $(nodes | tr ' ' :); do
		sweep "${pair%:*}" "${pair#*:}" $each --swarm
	done
}

# partitions WORKLOAD NODE SEEDS FLAG...
partitions() {
	sweep "$@" --concurrency 2n --message-budget 5000 --nemesis partition --nemesis-interval 2 --latency 20 \
		--latency-dist exponential --time-limit 10 --rate 20
}

part_partitions() {
	for pair in lin-kv:lin-kv lin-kv:lin-kv-caspaxos kafka:kafka kafka:kafka-lin-kv txn-list-append:txn-list-append \
		txn-list-append:txn-list-append-datomic txn-rw-register:txn-rw-register; do
		partitions "${pair%:*}" "${pair#*:}" "$SEEDS"
	done
	partitions txn-rw-register txn-rw-register-hat "$SEEDS" --consistency-models causal-cerone --availability total
	partitions txn-rw-register txn-rw-register-mvcc "$SEEDS" --consistency-models strong-snapshot-isolation
	partitions txn-list-append txn-list-append-mvcc "$SEEDS" --consistency-models strong-snapshot-isolation
	for pair in broadcast:broadcast broadcast:broadcast-flood g-set:g-set g-counter:g-counter \
		g-counter:g-counter-seq-kv pn-counter:pn-counter; do
		partitions "${pair%:*}" "${pair#*:}" $((SEEDS / 2 + 1))
	done
}

part_availability() {
	check "lin-kv is soon available" env AVAILABILITY_SEEDS=$((SEEDS / 80 + 1)) "$BUILD/unit/test_lin_kv_availability"
}

part_memory() {
	check "an hour of lin-kv stays flat" env MEMORY_MINUTES=60 "$BUILD/unit/test_lin_kv_memory"
}

for part in "$@"; do
	began=$(date +%s)
	"part_$part"
	echo "$part: $(($(date +%s) - began)) s"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
