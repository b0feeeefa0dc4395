#!/bin/sh
#
# `make valgrind`: a short run of every node under valgrind's memcheck, and of
# eddy itself. A test kills its nodes, which is no end for a leak check: so each
# node's input is kept, and fed to it once more up to an orderly end.

set -u
cd "$(dirname "$0")/.." || exit 1
build=$(cd "${BUILD:-build}" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'rm -rf "$scratch"; trap - TERM; kill 0' INT TERM HUP
passed=0 failed=0

memcheck() {
	valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect,possible "$@"
}

result() {
	if [ "$1" = ok ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
	echo "$1	$2"
}

# What a node promises where that is less than the workload asks for by default.
model() {
	case $1 in
	*-mvcc) echo --consistency-models strong-snapshot-isolation ;;
	*-hat) echo --consistency-models causal-cerone ;;
	esac
}

# check_node WORKLOAD NODE: under eddy test, then alone.
check_node() {
	dir=$scratch/$2
	mkdir "$dir"
	# valgrind writes only what it finds, each process to a file of its own.
	cat >"$dir/node" <<-END
		#!/bin/sh
		tee '$dir/input.'\$\$ | exec valgrind --quiet --log-file='$dir/found.%p' '$build/bin/$2' "\$@"
	END
	chmod +x "$dir/node"
	# shellcheck disable=SC2046 # words
	"$build/bin/eddy" test --store "$dir/store" -w "$1" --bin "$dir/node" --node-count 3 --concurrency 4n \
		--rate 80 --time-limit 6 --recovery 3 --nemesis partition --nemesis-interval 2 $(model "$2") >"$dir/output" 2>&1
	status=$?
	found=$(cat "$dir"/found.*)
	watched=$(find "$dir" -name 'found.*' | wc -l)
	if [ $status -eq 0 ] && [ -z "$found" ] && [ "$watched" -ge 3 ]; then
		result ok "$2 in a test"
	else
		tail -n 20 "$dir/output"
		echo "$found"
		result FAILED "$2 in a test: exit status $status"
	fi
	input=$(find "$dir" -name 'input.*' | head -n 1)
	if found=$(memcheck "$build/bin/$2" --log-level error <"$input" 2>&1 >"$dir/replies") && [ -s "$dir/replies" ]; then
		result ok "$2 to its end"
	else
		echo "$found"
		result FAILED "$2 to its end"
	fi
}

for path in nodes/*.c; do
	node=$(basename "$path" .c)
	# A node is named after its workload: the longest name that it begins with.
	workload=$(for folder in workloads/*/; do basename "$folder"; done |
		awk -v n="$node" 'index(n, $0) == 1 && length($0) > length(best) { best = $0 } END { print best }')
	check_node "$workload" "$node"
done

for workload in broadcast g-counter lin-kv kafka txn-list-append; do
	if found=$(memcheck "$build/bin/eddy" sim -w $workload --node $workload --concurrency 2n \
		--nemesis partition --time-limit 10 2>&1); then
		result ok "eddy sim -w $workload"
	else
		echo "$found" | tail -n 60
		result FAILED "eddy sim -w $workload"
	fi
done

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
