#!/bin/sh
#
# `make tidy`: formatting, linters, and the project's own rules. Every finding
# is a line with file and line number. $1: the compiler's -D and -I flags;
# BUILD: a finished build, for the rules that are about object files.

# Lists of files and flags are meant to be split.
# shellcheck disable=SC2086,SC2046,SC2016
set -u
cd "$(dirname "$0")/.." || exit 1
flags=${1:-}
build=${BUILD:-build}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'rm -rf "$scratch"; trap - TERM; kill 0' INT TERM HUP

sources=$(find common harness nodes workloads tests -name '*.[ch]' | sort)
scripts=$(find . \( -path ./.git -o -path "./$build" \) -prune -o -name '*.sh' -print)
# What must be free of clocks, randomness, output and state of its own.
core=$(find nodes common -name '*.c' ! -path common/stdio.c ! -path common/main.c | sort)

# ---- tools ------------------------------------------------------------------

formatted() { clang-format --dry-run -Werror $sources; }

# The tests of units are left to the compilers. The analyzer gives up on a function after so many steps.
linted() {
	printf '%s\n' $sources | grep '\.c$' | grep -v '^tests/unit/' |
		FLAGS=$flags xargs -P 2 -n 1 sh -c 'clang-tidy --quiet "$1" -- -std=c11 $FLAGS -Xclang -analyzer-config -Xclang max-nodes=40000 2>/dev/null' - |
		grep -E ':[0-9]+: (error|warning): ' | sort -u >"$scratch/clang-tidy"
	sed "s|^$(pwd)/||" "$scratch/clang-tidy"
	[ ! -s "$scratch/clang-tidy" ]
}

# It must know the macros of libbsd and jansson, but not all of /usr/include.
checked() {
	mkdir "$scratch/include"
	ln -s "$(pkg-config --variable=includedir jansson)"/jansson*.h "$scratch/include"
	cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability --inline-suppr --std=c11 -j 2 \
		--template='{file}:{line}: {message} [{id}]' --suppress='*:/usr/*' --suppress="*:$scratch/*" \
		--suppress=funcArgOrderDifferent --suppress=nullPointer \
		-D__linux__ -I"$scratch/include" $(echo " $flags" | sed 's/ -isystem */ -I/g') common harness nodes workloads
}

shell_checked() { shellcheck $scripts .ci/run; }

# ---- the project's own rules --------------------------------------------------

# Each prints what breaks it.

text_rules() {
	awk '
	function complain(what) { print FILENAME ":" FNR ": " what }
	FNR == 1 && FILENAME ~ /\.[ch]$/ && !/^\/[*\/]/ { complain("a file opens with a comment that says why it exists") }
	/[ \t\r]$/ { complain("white space at the end of the line") }
	/^\t* \t/ || (/^        / && FILENAME ~ /\.[ch]$/) { complain("spaces where a tab belongs") }
	/TO[D]O|FIX[M]E|(^|[^X])XX[X]([^X]|$)/ { complain("something is left to be done") }
	FILENAME ~ /\.[ch]$/ {
		line = $0
		while ((at = index(line, "\t")) > 0)
			line = substr(line, 1, at - 1) sprintf("%" (8 - (at - 1) % 8) "s", "") substr(line, at + 1)
		if (length(line) > 120)
			complain("longer than 120 columns")
	}' $sources $scripts Makefile .ci/run
}

# may_include FILES FOLDERS...: headers in quotes must be in one of the folders, or beside the file.
may_include() {
	files=$1
	shift
	grep -n '^#include "' $files /dev/null | while IFS=: read -r file line include; do
		header=$(expr "$include" : '#include "\(.*\)"')
		for folder in "$@" "$(dirname "$file")"; do
			[ -e "$folder/$header" ] && continue 2
		done
		echo "$file:$line: $header is none of the headers that may be included here ($*)"
	done
}

layer_rules() {
	may_include "$(echo $sources | tr ' ' '\n' | grep -e '^nodes/' -e '^common/')" common
	may_include "$(echo $sources | tr ' ' '\n' | grep -e '^harness/')" common harness
	may_include "$(echo $sources | tr ' ' '\n' | grep -e '^workloads/')" common harness
}

# where FILE SYMBOL: the first line that names it.
where() { grep -n -m 1 -w "$2" "$1" | cut -d : -f 1; }

# What the core may not call: the host gives it time and chance, and the output is the host's.
calls='time|clock|clock_gettime|gettimeofday|localtime|gmtime|rand|srand|random|srandom|drand48|arc4random.*|getrandom'
calls="$calls|getenv|secure_getenv|printf|vprintf|puts|putchar|stdout|__printf_chk|__vprintf_chk"

symbol_rules() {
	for source in $core; do
		object=$build/obj/${source%.c}.o
		nm -u "$object" | awk '{ print $2 }' | grep -x -E "$calls" | while read -r name; do
			echo "$source:$(where "$source" "$name"): the core must not use $name"
		done
		objdump -t "$object" | awk -F '\t' '{
			section = $1; sub(/.* /, "", section); sub(/.* /, "", $2)
			if ($1 ~ / O / && section ~ /^(\.t?data|\.t?bss|\*COM\*)/ && section !~ /^\.data\.rel\.ro/)
				print $2
		}' | while read -r name; do
			echo "$source:$(where "$source" "${name%%.*}"): mutable state at file scope: $name"
		done
		grep -n '%p' "$source" | sed "s|^\([0-9]*\):.*|$source:\1: a pointer is printed|"
	done
}

# ---- all of them --------------------------------------------------------------

failed=0
# run NAME COMMAND: it must succeed and, if it is one of the rules, print nothing.
run() {
	name=$1
	shift
	if "$@" >"$scratch/found" 2>&1 && { [ "${1%_rules}" = "$1" ] || [ ! -s "$scratch/found" ]; }; then
		echo "ok      $name"
	else
		cat "$scratch/found"
		echo "FAILED  $name"
		failed=$((failed + 1))
	fi
}

run 'text' text_rules
run 'layers' layer_rules
run 'no clock, chance, output or state in the core' symbol_rules
run 'clang-format' formatted
run 'shellcheck' shell_checked
run 'cppcheck' checked
run 'clang-tidy' linted
[ $failed -eq 0 ]
