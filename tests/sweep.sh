#!/bin/sh
#
# A sweep over machines: cuts a range of seeds into chunks, fans them out with GNU parallel,
# and collects the seeds that fail. What is done is kept, so that the same command goes on
# where an earlier one stopped; chunks of a machine that is lost go to another one.

set -u
# shellcheck disable=SC2016 # backquotes that are text
usage='usage: tests/sweep.sh [option]... [--] flag...
Sweeps seeds of `eddy sim flag...` over machines. In DIR are then:
  failing     one line a seed that failed: the seed, and the command that runs it again
  chunks/     what eddy printed for each chunk of seeds
  joblog      which chunks are done; the same command goes on from there
  --seeds A..B     which (default 1..10000)
  --chunk N        seeds at a time (default 100)
  --sshlogin LIST  machines, as GNU parallel has them: "8/one,4/user@two,:" (default $SSHLOGIN, or this one)
  --remote DIR     where the built project is on each of them (default: where it is here)
  --dir DIR        where the results go (default: sweep)
  --help           this
Exit status: 0 all valid, 1 some seeds are not, 2 some chunks are not done, 254 bad arguments.'

bad() {
	echo "sweep.sh: $*" >&2
	exit 254
}

here=$(cd "$(dirname "$0")/.." && pwd) || exit 1
BUILD=${BUILD:-build}

# Called by parallel, on any of the machines: `--run BUILD A..B flag...`. Succeeds if all seeds were run, whatever came
# of them, so that nothing is done twice and what was not done is tried elsewhere.
if [ "${1:-}" = --run ]; then
	BUILD=$2 range=$3
	shift 3
	cd "$here" || exit 1
	output=$("$BUILD/bin/eddy" sim "$@" --jobs 1 --failures 1000000 --minimise-budget 0 -q --seeds "$range" 2>&1)
	printf '%s\n' "$output"
	case $(printf '%s\n' "$output" | tail -n 1) in
	*interrupted) exit 1 ;;
	"seeds ${range%..*}..${range#*..}: "*) exit 0 ;;
	*) exit 1 ;;
	esac
fi

seeds=1..10000 chunk=100 dir=sweep remote=$here sshlogin=${SSHLOGIN:-:}
while [ $# -gt 0 ]; do
	case $1 in
	--help) echo "$usage" && exit 0 ;;
	--seeds | --chunk | --sshlogin | --remote | --dir)
		[ $# -gt 1 ] || bad "$1: a value is missing"
		case $1 in
		--seeds) seeds=$2 ;;
		--chunk) chunk=$2 ;;
		--sshlogin) sshlogin=$2 ;;
		--remote) remote=$2 ;;
		--dir) dir=$2 ;;
		esac
		shift 2
		;;
	--)
		shift
		break
		;;
	*) break ;;
	esac
done
first=${seeds%..*} last=${seeds#*..}
case $first$last$chunk in *[!0-9]* | '') bad "--seeds A..B and --chunk N are numbers, not '$seeds', '$chunk'" ;; esac
if [ "$seeds" != "$first..$last" ] || [ "$chunk" -eq 0 ] || [ "$first" -gt "$last" ]; then
	bad "--seeds A..B, --chunk N: not '$seeds', '$chunk'"
fi
command -v parallel >/dev/null || bad "GNU parallel is missing: ./run.sh --deps sweep"
(cd "$here" && "$BUILD/bin/eddy" sim "$@" --jobs 1 -q --seeds "$first..$first" >/dev/null)
[ $? -ne 254 ] || bad "eddy does not take these flags"

mkdir -p "$dir/chunks" || exit 1
dir=$(cd "$dir" && pwd)
what="--seeds $seeds --chunk $chunk -- $*"
[ -e "$dir/command" ] || printf '%s\n' "$what" >"$dir/command"
[ "$(cat "$dir/command")" = "$what" ] || bad "$dir is of another sweep: $(cat "$dir/command")"

began=$(date +%s)
ranges() { awk -v a="$first" -v b="$last" -v n="$chunk" 'BEGIN { for (; a <= b; a += n) printf "%d..%d\n", a, a + n - 1 < b ? a + n - 1 : b }'; }
ranges | parallel --will-cite --quote --sshlogin "$sshlogin" --joblog "$dir/joblog" --resume-failed --retries 3 \
	--results "$dir/chunks/{}" "$remote/tests/sweep.sh" --run "$BUILD" '{}' "$@" >/dev/null 2>"$dir/errors"

# ---- what came of it ----------------------------------------------------------

total=$(ranges | wc -l) done=0 runs=0
: >"$dir/found"
for range in $(ranges); do
	file=$dir/chunks/$range
	tail -n 1 "$file" 2>/dev/null | grep -q "^seeds $range: .*valid$" || continue
	done=$((done + 1)) runs=$((runs + ${range#*..} - ${range%..*} + 1))
	sed -n 's/^\(first \)\{0,1\}failing seed \([0-9]*\); again with: /\2 /p' "$file" >>"$dir/found"
done
sort -n "$dir/found" >"$dir/failing"
rm -f "$dir/found"
cat "$dir/failing"
failed=$(wc -l <"$dir/failing")
[ "$done" -eq "$total" ] || {
	tail -n 5 "$dir/errors" >&2
	echo "$done of $total chunks are done: the same command goes on with the rest"
}
echo "seeds $seeds: $((runs - failed)) passed, $((failed)) failed in $(($(date +%s) - began)) s; in $dir"
[ "$done" -eq "$total" ] || exit 2
[ "$failed" -eq 0 ]
