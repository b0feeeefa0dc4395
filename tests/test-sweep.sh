#!/bin/sh
#
# What tests/sweep.sh promises: the seeds that fail, wherever they ran; what is done is not
# done again; what a lost machine did not do is done by another; and bad arguments.

set -u
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build}
export BUILD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0 failed=0

# check NAME COMMAND...
check() {
	name=$1
	shift
	if output=$("$@" 2>&1); then
		echo "ok      sweep.sh: $name"
		passed=$((passed + 1))
	else
		printf '%s\nFAILED  sweep.sh: %s\n' "$output" "$name"
		failed=$((failed + 1))
	fi
}

if ! command -v parallel >/dev/null; then
	echo 'skipped tests/sweep.sh: no GNU parallel'
	echo '0 passed, 0 failed'
	exit 0
fi

# In place of ssh(1): runs the command here with the SHELL a login has, but for a machine called "lost". Notes who was
# asked.
ssh=$scratch/ssh
cat >"$ssh" <<'END'
#!/bin/sh
host=$1
shift
[ "$1" != -- ] || shift
echo "$host" >>"$(dirname "$0")/asked"
[ "$host" != lost ] || exit 255
SHELL=/bin/sh exec sh -c "$*"
END
chmod +x "$ssh"

flags='-w g-set --node broken:g-set-once --time-limit 4 --rate 5 --nemesis partition --nemesis-interval 1 --availability 0.5'

# sweep DIR STATUS OPTION...: seeds 1..23, seven at a time.
sweep() {
	dir=$scratch/$1 wanted=$2
	shift 2
	# shellcheck disable=SC2086 # words
	PARALLEL_SSH=$ssh tests/sweep.sh --dir "$dir" --seeds 1..23 --chunk 7 "$@" -- $flags
	status=$?
	[ $status -eq "$wanted" ] && return
	echo "exit status $status, expected $wanted"
	return 1
}

seeds_of() { sed 's/ .*//' "$1"; }

# What eddy alone finds is the measure.
# shellcheck disable=SC2086 # words
"$BUILD/bin/eddy" sim $flags -q --seeds 1..23 --failures 100 |
	sed -n 's/^\(first \)\{0,1\}failing seed \([0-9]*\);.*/\2/p' >"$scratch/expected"

finds_them() {
	sweep "$@" || return
	seeds_of "$dir/failing" | diff "$scratch/expected" -
}
check 'here' finds_them here 1
check 'two machines' finds_them two 1 --sshlogin 2/one,1/two
check 'both were asked' sh -c "grep -q one '$scratch/asked' && grep -q two '$scratch/asked'"
check 'a machine that is lost' finds_them lost 1 --sshlogin 1/lost,1/two

replays() {
	command=$(sed -n 's/^[0-9]* //p;q' "$scratch/here/failing")
	sh -c "$command -q"
	[ $? -eq 1 ]
}
[ ! -s "$scratch/expected" ] || check 'a seed that failed fails again' replays

resumes() {
	cp "$scratch/here/joblog" "$scratch/before"
	sweep here 1 && cmp "$scratch/before" "$scratch/here/joblog"
}
check 'what is done is not done again' resumes

# As if it had been stopped before the third chunk.
goes_on() {
	awk '$1 != 3' "$scratch/here/joblog" >"$scratch/shorter" && mv "$scratch/shorter" "$scratch/here/joblog"
	rm "$scratch/here/chunks/15..21"*
	finds_them here 1 && [ "$(wc -l <"$scratch/here/joblog")" -eq 5 ]
}
check 'it goes on where it stopped' goes_on

is_refused() {
	tests/sweep.sh "$@" >/dev/null
	[ $? -eq 254 ]
}
check 'another sweep in the same directory' is_refused --dir "$scratch/here" --seeds 1..5 -- -w echo --node echo
check 'bad flags' is_refused --dir "$scratch/bad" --seeds 1..5 -- -w echo --node bogus
check 'a bad range' is_refused --dir "$scratch/bad" --seeds 5 -- -w echo --node echo
check 'an empty range' is_refused --dir "$scratch/bad" --seeds 5..4 -- -w echo --node echo
check 'no machine at all' sweep gone 2 --sshlogin 1/lost
check 'all valid' sh -c "tests/sweep.sh --dir '$scratch/valid' --seeds 1..20 --chunk 10 -- -w echo --node echo \
	--time-limit 1 | grep -q '^seeds 1..20: 20 passed, 0 failed'"

echo "$passed passed, $failed failed"
