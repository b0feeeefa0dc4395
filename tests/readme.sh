#!/bin/sh
#
# The README, and the pages beside the code that it sends to, are to be accurate
# to the letter: the example of a node is cut out, built and tested, and what
# they name must be there.
# shellcheck disable=SC2013,SC2016,SC2046,SC2086 # names without spaces; backquotes that are text; flags that are words

set -u
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-build}
pages='README.md harness/README.md tests/README.md'
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0 failed=0

# verdict NAME STATUS
verdict() {
	if [ "$2" -eq 0 ]; then
		echo "ok      readme: $1"
		passed=$((passed + 1))
	else
		echo "FAILED  readme: $1"
		failed=$((failed + 1))
	fi
}

# ---- the example ------------------------------------------------------------

example() {
	sed -n '/^```c$/,/^```$/p' README.md | sed '1d;$d' >"$scratch/example.c"
	${CC:-cc} -std=c11 -Wall -Wextra -Werror -D_GNU_SOURCE -Icommon ${CFLAGS:-} $(pkg-config --cflags jansson) \
		-DPROGRAM=g_set_gossip_program -o "$scratch/g-set-gossip" "$scratch/example.c" common/main.c \
		"$build/libcommon.a" $(pkg-config --libs jansson libbsd-overlay zlib) &&
		"$build/bin/eddy" test -q -w g-set --bin "$scratch/g-set-gossip" --node-count 3 --rate 20 --time-limit 3 \
			--recovery 3 --nemesis partition --nemesis-interval 1 --store "$scratch/store"
}

example >"$scratch/output" 2>&1
status=$?
[ $status -eq 0 ] || cat "$scratch/output"
verdict 'the example of a node' $status

# ---- names ------------------------------------------------------------------

# Every program is in the table of nodes, and every file that is named exists.
for node in nodes/*.c; do
	name=$(basename "$node" .c)
	grep -q "^| \`$name\`" README.md
	verdict "a row for $name" $?
done
for name in $(grep -oh '`[a-z]*/[A-Za-z/._-]*`' $pages | tr -d '`' | grep -v -e '^build/' -e '^store/' -e g-set-gossip -e /common/); do
	[ -e "$name" ]
	verdict "$name is there" $?
done
for name in $(grep -o '`[a-z_]*\.[ch]`' harness/README.md | tr -d '`' | sort -u); do
	[ -e "harness/$name" ]
	verdict "harness/$name is there" $?
done
for link in $(grep -oH '](\(\.\./\)*[A-Za-z/]*\.md' $pages | sed 's|[A-Za-z]*\.md:](||'); do
	[ -e "$link" ]
	verdict "$link is there" $?
done
for target in $(grep -oh '`make [a-z-]*`' $pages | tr -d '`' | cut -d ' ' -f 2 | sort -u); do
	grep -q "^[a-z -]*\b$target\b.*:" Makefile
	verdict "make $target is there" $?
done

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
