#!/bin/sh
#
# `make soak`: the large numbers. SEEDS (10000) seeds of each of the nodes that
# talk to each other, under partitions, two nodes at a time; then what takes long
# to be measured. Prints its time.

set -u
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build}
SEEDS=${SEEDS:-10000}
export BUILD SEEDS
trap 'trap - TERM; kill 0' INT TERM HUP

# Called by xargs below: all seeds of one node of a workload, with what flags it needs.
if [ "${1:-}" = --sweep ]; then
	workload=$2 node=$3
	shift 3
	set -- sim -w "$workload" --node "$node" "$@" --seeds "1..$SEEDS" --jobs 1 --message-budget 5000 --nemesis partition \
		--nemesis-interval 3 --latency 20 --time-limit 20 --rate 20
	if output=$("$BUILD/bin/eddy" "$@" 2>&1); then
		echo "ok      $*: $(echo "$output" | tail -n 1)"
		exit 0
	fi
	printf '%s\nFAILED  %s\n' "$output" "$*"
	exit 1
fi

began=$(date +%s)
xargs -P 2 -L 1 "$0" --sweep <<'END'
broadcast broadcast
broadcast broadcast-flood
g-set g-set
g-counter g-counter
g-counter g-counter-seq-kv
pn-counter pn-counter
lin-kv lin-kv --concurrency 2n
lin-kv lin-kv-caspaxos --concurrency 2n
kafka kafka --concurrency 2n
kafka kafka-lin-kv --concurrency 2n
txn-list-append txn-list-append --concurrency 2n
txn-rw-register txn-rw-register --concurrency 2n
END
status=$?
# How soon lin-kv is available after a partition, and whether an hour of it takes more memory than minutes.
AVAILABILITY_SEEDS=$((SEEDS / 40 + 1)) "$BUILD/unit/test_lin_kv_availability" || status=1
MEMORY_MINUTES=60 "$BUILD/unit/test_lin_kv_memory" || status=1
echo "$SEEDS seeds each in $(($(date +%s) - began)) s"
[ $status -eq 0 ]
