#!/bin/bash
#
# `make gallery`: planted bugs, each a patch of a node or an algorithm, in
# tests/broken/*.patch. Each must be found within SEEDS (2000) seeds, as what its
# patch says; and the right node must pass all those seeds. The last line counts:
# N passed, N failed.
#
#	tests/gallery.sh --applies		only whether the patches still apply: needs no make
#	tests/gallery.sh [NAME...]		check these, or all
#	tests/gallery.sh --run NAME [flags]	one broken node, with further flags of eddy sim
#	tests/gallery.sh --table [NAME...]	the same as a table in Markdown
#
# A patch begins with its description, in lines "Key: value":
#
#	Bug:		one sentence
#	Algorithm:	what is broken, and the section of the paper
#	Node:		whose sources are patched
#	Run:		-w WORKLOAD and flags of eddy sim [-- of the node]
#	Found:		checker: what its report says, an extended regular expression

set -u
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-build}
seeds=${SEEDS:-2000}
passed=0 failed=0
read -ra compile <<<"${COMPILE:-}" # these two come from make gallery
read -ra libraries <<<"${LIBRARIES:-}"

# field NAME KEY: of a patch's description.
field() { sed -n "/^--- /q;s/^$2:[[:space:]]*//p" "tests/broken/$1.patch"; }

# ---- building -----------------------------------------------------------------

# An eddy with the bug in it: what the patch touches is compiled anew, and linked before the libraries.
build_broken() {
	local patch=tests/broken/$1.patch directory=$build/gallery/$1 file object objects=()

	rm -rf "$directory" && mkdir -p "$directory" || return 1
	while read -r file; do
		mkdir -p "$directory/$(dirname "$file")"
		cp "$file" "$directory/$file" || return 1
		# A node may be another one's source with other names.
		grep -l "^#include \"$(basename "$file")\"" nodes/*.c | grep '\.c$' | while read -r user; do
			[ "${file##*.}" = h ] || cp "$user" "$directory/$user"
		done
	done < <(sed -n 's,^+++ b/\([^[:space:]]*\).*,\1,p' "$patch")
	patch -s -p1 -F0 --no-backup-if-mismatch -d "$directory" <"$patch" || return 1
	[ ${#compile[@]} -gt 0 ] || { echo 'to be called by make gallery' && return 1; }
	while read -r file; do
		object=${file%.c}.o
		"${compile[@]}" -w -c -o "$object" "$file" || return 1
		objects+=("$object")
	done < <(find "$directory" -name '*.c')
	"${compile[@]}" -o "$directory/eddy" "$build/obj/harness/main.o" "${objects[@]}" "$build/libharness.a" \
		"$build/libcommon.a" "${libraries[@]}"
}

# ---- running ------------------------------------------------------------------

# simulate EDDY NAME FLAGS...: a patch's run with these flags before those of its node.
simulate() {
	local eddy=$1 name=$2 run flags
	shift 2
	run=$(field "$name" Run)
	read -ra flags <<<"${run/ -- / --flags-- }"
	local before=() after=() word where=before
	for word in "${flags[@]}"; do
		if [ "$word" = --flags-- ]; then
			where=after
		elif [ $where = before ]; then
			before+=("$word")
		else
			after+=("$word")
		fi
	done
	[ ${#after[@]} -eq 0 ] || after=(-- "${after[@]}")
	"$eddy" sim --node "$(field "$name" Node)" "${before[@]}" --minimise-budget 0 "$@" "${after[@]}" 2>&1
}

verdict() { # NAME STATUS WHY
	if [ "$2" -eq 0 ]; then
		passed=$((passed + 1))
		[ -n "$table" ] || echo "ok      $1: $3"
	else
		failed=$((failed + 1))
		echo "FAILED  $1: $3"
	fi
}

# The right node under all seeds; those whose run is the same are run once.
right_passes() {
	local key output
	key=$({ field "$1" Node; field "$1" Run; } | md5sum | cut -c 1-32)
	if [ ! -e "$build/gallery/right/$key" ]; then
		mkdir -p "$build/gallery/right"
		output=$(simulate "$build/bin/eddy" "$1" --seeds "1..$seeds") || {
			printf '%s\n' "$output" | tail -n 30
			return 1
		}
		printf '%s\n' "$output" >"$build/gallery/right/$key"
	fi
}

check() {
	local name=$1 output status seed expected
	if ! output=$(build_broken "$name" 2>&1); then
		printf '%s\n' "$output"
		verdict "$name" 1 'its patch does not apply, or does not compile'
		return
	fi
	output=$(simulate "$build/gallery/$name/eddy" "$name" --seeds "1..$seeds")
	status=$?
	seed=$(printf '%s\n' "$output" | sed -n 's/^first failing seed \([0-9]*\).*/\1/p' | head -n 1)
	expected=$(field "$name" Found | sed 's/^[^:]*:[[:space:]]*//')
	if [ $status -eq 0 ] || [ -z "$seed" ]; then
		printf '%s\n' "$output" | tail -n 5
		verdict "$name" 1 "not found in $seeds seeds"
	elif ! printf '%s\n' "$output" | grep -Eq -e "$expected"; then
		printf '%s\n' "$output" | tail -n 40
		verdict "$name" 1 "found, but not as $expected"
	else
		verdict "$name" 0 "seed $seed: $(field "$name" Found)"
		[ -z "$table" ] || row "$name" "$seed"
	fi
	right_passes "$name"
	verdict "$name, unbroken" $? "$seeds seeds"
}

row() {
	local workload
	workload=$(field "$1" Run | sed 's/.*-w \([^ ]*\).*/\1/')
	echo "| [$1]($1.patch) | $(field "$1" Bug) | $(field "$1" Algorithm) | $workload | $(field "$1" Found |
		sed 's/|/ or /g; s/\\//g') | $2 |"
}

# ---- arguments ------------------------------------------------------------------

table=
case "${1:-}" in
--run)
	name=$2
	shift 2
	build_broken "$name" && simulate "$build/gallery/$name/eddy" "$name" "$@"
	exit
	;;
--table)
	table=yes
	shift
	echo '| name | bug | algorithm | workload | found by: as | seeds |'
	echo '|---|---|---|---|---|---|'
	;;
esac
names=("$@")
if [ $# -eq 0 ] || [ "$1" = --applies ]; then
	names=(tests/broken/*.patch)
	names=("${names[@]##*/}")
	names=("${names[@]%.patch}")
fi
if [ "${1:-}" = --applies ]; then
	for name in "${names[@]}"; do
		patch -s -f -p1 -F0 --dry-run <"tests/broken/$name.patch"
		verdict "$name" $? 'its patch applies'
	done
else
	rm -rf "$build/gallery/right"
	for name in "${names[@]}"; do
		check "$name"
	done
fi
[ -n "$table" ] || echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
