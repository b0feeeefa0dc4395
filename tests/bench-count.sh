#!/bin/bash
#
# `make bench-count`: how many instructions the hot paths take, as callgrind
# counts them, beside those in tests/bench/counts. Fails where one differs by
# more than 5 %. Counts depend on the compiler and the libraries, so those are
# in the file too: where they are others, nothing is compared, and it says so.
# `REWRITE=1 make bench-count` writes the file anew: read the difference, and
# say in the commit what made it.

set -u
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-build}
file=tests/bench/counts
tolerance=5 # percent
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# ---- what counts depend on ---------------------------------------------------

# Libraries pick their code by the processor's instruction sets.
simd() { grep -q -m 1 -w avx2 /proc/cpuinfo && echo avx2 || echo baseline; }

environment() {
	echo "# compiler: $("${CC:-cc}" --version | head -n 1)"
	echo "# flags: ${CFLAGS:-}"
	echo "# libc: $(getconf GNU_LIBC_VERSION), $(ldd "$build/bin/echo" >/dev/null 2>&1 && echo shared || echo static)"
	echo "# jansson: $(pkg-config --modversion jansson)"
	echo "# valgrind: $(valgrind --version)"
	echo "# processor: $(uname -m), $(simd)"
}

# ---- the paths ---------------------------------------------------------------

make_input() {
	echo '{"src":"c0","dest":"n0","body":{"type":"init","msg_id":1,"node_id":"n0","node_ids":["n0"]}}'
	for i in $(seq 10000); do
		echo '{"id":'"$i"',"src":"c1","dest":"n0","body":{"type":"echo","msg_id":'"$i"',"echo":"Please echo 100"}}'
	done
}

# count NAME COMMAND...: a line "NAME INSTRUCTIONS"; stdin is the command's.
count() {
	name=$1
	shift
	if ! valgrind --tool=callgrind --callgrind-out-file=/dev/null --log-file="$scratch/log" "$@" >"$scratch/output" 2>&1; then
		cat "$scratch/output" "$scratch/log" >&2
		echo "$name: failed: $*" >&2
		return 1
	fi
	echo "$name $(sed -n 's/.*refs: *\([0-9,]*\).*/\1/p' "$scratch/log" | tr -d ,)"
}

counts() {
	make_input >"$scratch/input"
	count echo "$build/bin/echo" <"$scratch/input" &&
		count broadcast-flood "$build/bin/eddy" sim -w broadcast --node broadcast-flood --node-count 25 --rate 10 \
			--time-limit 15 --latency 100 --seed 1 &&
		count lin-kv "$build/bin/eddy" sim -w lin-kv --node lin-kv --node-count 3 --concurrency 2n --rate 100 \
			--time-limit 20 --seed 1 &&
		count list-append "$build/bench/transactions" list-append 10000
}

# ---- comparing ---------------------------------------------------------------

environment >"$scratch/environment"

if [ "${REWRITE:-}" = 1 ]; then
	counts >"$scratch/counts" || exit 1
	cat "$scratch/environment" "$scratch/counts" >"$file"
	cat "$file"
	exit 0
fi

if ! grep '^#' "$file" | cmp -s - "$scratch/environment"; then
	echo "not comparable with $file, which was made with other tools:"
	grep '^#' "$file" | diff - "$scratch/environment" | sed -n 's/^</there/p; s/^>/here /p'
	exit 0
fi

counts >"$scratch/counts" || exit 1
awk -v tolerance=$tolerance -v file="$file" '
	BEGIN { printf "%-20s %15s %15s %9s\n", "instructions", "baseline", "now", "change" }
	/^#/ { next }
	FNR == NR { baseline[$1] = $2; next }
	{
		change = baseline[$1] > 0 ? ($2 / baseline[$1] - 1) * 100 : 100
		beyond = change > tolerance || change < -tolerance
		printf "%-20s %15d %15d %+8.1f%%%s\n", $1, baseline[$1], $2, change, beyond ? "  beyond " tolerance "%" : ""
		failed += beyond
		seen[$1] = 1
	}
	END {
		for (name in baseline)
			if (!(name in seen)) {
				print name ": in " file ", but not counted"
				failed++
			}
		if (failed)
			print failed " beyond: mend it, or, if it is meant, REWRITE=1 make bench-count"
		exit failed > 0
	}' "$file" "$scratch/counts"
