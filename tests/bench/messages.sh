#!/bin/bash
#
# How few messages the nodes need, beside the best figures that others have
# published for Maelstrom's workloads: messages between servers for each
# operation, as Maelstrom counts them, with the latencies that this costs.
#
#	REPEAT=5 tests/bench/messages.sh [REGEX]	only tests whose line below matches
#	HARNESS=sim ...					simulated, seeds 1 to REPEAT, instead of real processes
#
# Prints Markdown. A real run takes half a minute; as many at once as JOBS says.

set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
repeat=${REPEAT:-5}
jobs=${JOBS:-1}
harness=${HARNESS:-test}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# workload; node; best public: messages (stable latencies, ms); to reach; flags
tests='
broadcast; broadcast; 8.5 (250 / 390), 1.987 (339 / 678); 1.3; --node-count 25 --rate 100 --latency 100 --time-limit 20
broadcast; broadcast; 1.92 (764 / 1087); 0.6; --node-count 25 --rate 100 --latency 100 --time-limit 20 -- --batch-ms 1100 --collect-ms 500
broadcast; broadcast; 13.8 (78 / 96 / 98 / 99); 12.5; --node-count 25 --rate 100 --latency 100 --time-limit 20 -- --direct
g-counter; g-counter; 0.718; 0.2; --node-count 3 --rate 100 --time-limit 20 --nemesis partition
kafka; kafka; 1.369 (all 3.835); 0.6; --node-count 2 --concurrency 2n --rate 1000 --time-limit 20
txn-list-append; txn-list-append-datomic; 8.5; 4; --node-count 2 --rate 100 --time-limit 10
txn-rw-register; txn-rw-register-hat; none; 0.1; --node-count 2 --concurrency 2n --rate 1000 --time-limit 20 --nemesis partition --consistency-models causal-cerone
lin-kv; lin-kv; none; 3.5; --node-count 3 --concurrency 2n --rate 100 --time-limit 20
lin-kv; lin-kv; none; 2.5; --node-count 3 --concurrency 2n --rate 100 --time-limit 20 -- --lease
'

# ---- one run --------------------------------------------------------------------

# command WORKLOAD NODE FLAGS: as it can be typed.
command_of() {
	if [ "$harness" = sim ]; then
		echo "$build/bin/eddy sim -w $1 --node $2 $3"
	else
		echo "$build/bin/eddy test -w $1 --bin $build/bin/$2 $3"
	fi
}

# Latencies of the operations that succeeded, in ms: median, 95th percentile; and all that failed or is unknown, but
# for those that may: :crash, a cas that finds another value, a read of a register that nobody wrote.
operations() {
	sed -n 's/.*:time \([0-9]*\), :type :\([a-z]*\), :process \([0-9]*\), :f :\([a-z_-]*\).*/\1 \2 \3 \4/p' "$1" |
		awk '$2 == "invoke" { began[$3] = $1; next }
			$2 == "ok" { print ($1 - began[$3]) / 1e6; next }
			$4 == "crash" || ($2 == "fail" && ($4 == "cas" || $4 == "read")) { next }
			{ odd[$2]++ }
			END { print "odd", odd["fail"] + 0, odd["info"] + 0 }' |
		sort -n >"$1.sorted"
	awk '$1 == "odd" { fail = $2; info = $3; next }
		{ v[++n] = $1 }
		END { printf "%.1f %.1f %d %d\n", v[int((n + 1) / 2)], v[int((n * 95 + 99) / 100)], fail, info }' "$1.sorted"
}

# run DIR COMMAND: leaves in DIR/result one line: servers all p50 p95 p99 max op50 op95 fail info verdict.
run() {
	directory=$1 command=$2
	store="--store $directory/store"
	# shellcheck disable=SC2086 # the words of a command
	case $command in
	*' -- '*) ${command%% -- *} $store -- ${command##* -- } ;;
	*) $command $store ;;
	esac >"$directory/output" 2>&1
	verdict=$(case $? in 0) echo valid ;; 1) echo INVALID ;; *) echo FAILED ;; esac)
	net=$(sed -n 's/.*messages per operation \([0-9.]*\), between servers \([0-9.]*\).*/\2 \1/p' "$directory/output")
	stable=$(sed -n 's/.*:stable-latencies {0 [0-9]*, 0.5 \([0-9]*\), 0.95 \([0-9]*\), 0.99 \([0-9]*\), 1 \([0-9]*\)}.*/\1 \2 \3 \4/p' \
		"$directory/output")
	history=$(find "$directory/store" -name history.edn 2>/dev/null | head -n 1)
	echo "${net:-- -} ${stable:-- - - -} $([ -n "$history" ] && operations "$history" || echo - - - -) $verdict" \
		>"$directory/result"
	rm -rf "$directory/store"
}

# ---- the table -------------------------------------------------------------------

# column N FILE: its median; with a third argument also its least and greatest.
column() {
	awk -v n="$1" '{ print $n }' "$2" | sort -n |
		awk -v spread="${3-}" '{ v[NR] = $1 } END {
			printf "%s", v[int((NR + 1) / 2)]
			if (spread != "" && NR > 1) printf " (%s to %s)", v[1], v[NR]
		}'
}

# What was not as it should be, of all runs.
remarks() {
	awk '{ fail += $9; info += $10; n[$11]++ }
		END {
			for (v in n) printf "%s%d %s", sep++ ? ", " : "", n[v], v
			if (fail + info > 0) printf "; fail %d, info %d", fail, info
		}' "$1"
}

line() {
	number=$1 best=$2 limit=$3 results=$4 workload=$5 node=$6
	servers=$(column 1 "$results")
	reached=$(awk -v x="$servers" -v y="$limit" 'BEGIN { print x != "-" && x <= y ? "reached" : "NOT reached" }')
	stable="$(column 3 "$results") / $(column 4 "$results") / $(column 5 "$results") / $(column 6 "$results")"
	[ "$stable" = '- / - / - / -' ] && stable=
	printf '| %d %s | %s | at most %s | **%s** | %s | %s | %s / %s | %s; %s |\n' "$number" "$node" "$best" "$limit" \
		"$(column 1 "$results" spread)" "$(column 2 "$results")" "$stable" "$(column 7 "$results")" \
		"$(column 8 "$results")" "$reached" "$(remarks "$results")"
}

if [ "$harness" = sim ]; then how="simulated, seeds 1 to $repeat"; else how="real processes, $repeat runs each"; fi
echo "Messages between servers for each operation; $how; medians, in brackets the spread;"
echo "$(date -u '+%d %B %Y'), commit $(git describe --always --dirty 2>/dev/null || echo unknown). Latencies in ms."
echo
echo "| test | best public | to reach | ours | clients' included | stable latency: median, 95 %, 99 %, most | operation: median, 95 % | |"
echo "|---|---|---|---|---|---|---|---|"
: >"$scratch/commands"
number=0
while IFS=';' read -r workload node best limit flags; do
	[ -n "$workload" ] || continue
	number=$((number + 1))
	workload=${workload# } node=${node# } best=${best# } limit=${limit# } flags=${flags# }
	command=$(command_of "$workload" "$node" "$flags")
	printf '%s' "$command" | grep -q -e "${1:-.}" || continue
	for i in $(seq "$repeat"); do
		mkdir -p "$scratch/$number/$i"
		this=$command
		[ "$harness" = sim ] && this="${command/ sim / sim --seed $i }"
		run "$scratch/$number/$i" "$this" &
		while [ "$(jobs -r | wc -l)" -ge "$jobs" ]; do wait -n; done
	done
	wait
	cat "$scratch/$number"/*/result >"$scratch/$number/results"
	line $number "$best" "$limit" "$scratch/$number/results" "$workload" "$node"
	echo "$number. \`$command\`" >>"$scratch/commands"
done <<<"$tests"
echo
cat "$scratch/commands"
