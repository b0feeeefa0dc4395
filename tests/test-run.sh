#!/bin/sh
#
# What ./run.sh and `eddy cases` promise beside good cases: bad arguments, other
# directories, missing packages, a download that is not what it should be, cases
# that must fail, and that nothing is left running.

set -u
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build}
export BUILD
tree=$(pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0 failed=0

# check NAME STATUS REGEX COMMAND...: exit status and output must be so.
check() {
	name=$1 wanted=$2 regex=$3
	shift 3
	output=$("$@" 2>&1 </dev/null)
	status=$?
	if [ $status -eq "$wanted" ] && printf '%s\n' "$output" | grep -q -e "$regex"; then
		echo "ok      run.sh: $name"
		passed=$((passed + 1))
	else
		printf '%s\n' "$output"
		echo "FAILED  run.sh: $name: exit status $status, expected $wanted and \"$regex\""
		failed=$((failed + 1))
	fi
}

one_line() {
	output=$("$@" 2>&1)
	status=$?
	printf '%s\n' "$output"
	[ "$(printf '%s\n' "$output" | wc -l)" -eq 1 ] || return 99
	return $status
}

# ---- arguments --------------------------------------------------------------

check 'help' 0 '^usage: ./run.sh' ./run.sh --help
check 'unknown flag' 254 'unknown argument or workload: --bogus' one_line ./run.sh --bogus
check 'unknown workload' 254 'unknown argument or workload: bogus' one_line ./run.sh bogus
check 'flags beside --list' 254 'list takes no flags: --rate 5' one_line ./run.sh --list echo --rate 5
check 'words like our own behind --' 255 'Crashed' ./run.sh echo --time-limit 1 -- --help
check 'flag without a workload' 254 'unknown argument or workload: --rate' one_line ./run.sh --rate 5
check 'unknown flag of a run' 254 'bogus' one_line ./run.sh echo --bogus
check 'unknown node' 254 'no such node: bogus' one_line ./run.sh echo --node bogus --rate 5
check 'no case of a node' 254 'no case of node bogus' one_line ./run.sh --node bogus
check 'missing value' 254 -- one_line ./run.sh --node
check 'bad --deps' 254 'not build, test' one_line ./run.sh --deps bogus
check 'list' 0 '^broadcast  *broadcast-flood  *valid' ./run.sh --list
check 'list of one workload' 0 '^echo  *echo ' ./run.sh echo --list

from_elsewhere() {
	mkdir -p "$scratch/a b" && ln -sf "$tree/run.sh" "$scratch/a b/link" && cd "$scratch/a b" && ./link --list
}
check 'through a link, from another directory' 0 '^g-set ' from_elsewhere

# ---- missing packages -------------------------------------------------------

# A PATH with no compiler, and an apt-get that only notes what it is asked for.
mkdir "$scratch/bin"
for tool in sh dirname readlink cat env mkdir rm cut; do
	ln -s "$(command -v $tool)" "$scratch/bin/$tool"
done

fake() {
	printf '#!/bin/sh\n%s\n' "$2" >"$scratch/bin/$1"
	chmod +x "$scratch/bin/$1"
}

bare() { PATH=$scratch/bin CC="${1:-cc}" ./run.sh --deps build; }

fake apt-get "echo \"apt-get \$*\" >>'$scratch/apt.log'"
fake id 'echo 1000'
fake sudo 'exit 1'
packages='gcc libc6-dev make pkg-config libjansson-dev libbsd-dev zlib1g-dev'
check 'says what to install' 1 "  sudo apt-get install -y --no-install-recommends $packages\$" bare
check 'for dnf' 1 '  sudo dnf install -y gcc make pkgconf-pkg-config jansson-devel libbsd-devel zlib-devel$' bare
check 'for brew' 1 '  brew install gcc make pkg-config jansson libbsd zlib$' bare
check 'another compiler' 1 'install -y --no-install-recommends clang-14 libc6-dev make' bare clang-14
check 'a compiler nobody knows' 1 'the compiler of CC is not there: bogus' bare bogus
check 'asks apt for nothing then' 1 '' test -e "$scratch/apt.log"

fake id 'echo 0'
check 'installs when root' 1 '^run.sh: installing gcc' bare
check 'updates, then installs' 0 "^apt-get update.*;apt-get install -qq -y --no-install-recommends .*$packages;\$" \
	sh -c "tr '\\n' ';' <'$scratch/apt.log'"
fake true ''
fake id 'echo 1000'
fake sudo "[ \"\$1\" != -n ] || shift; exec \"\$@\""
rm "$scratch/apt.log"
check 'installs with sudo' 1 '^run.sh: installing gcc' bare
check 'by sudo' 0 'update' cat "$scratch/apt.log"

# ---- Maelstrom --------------------------------------------------------------

for tool in java gnuplot bzip2 curl; do
	# shellcheck disable=SC2016 # for the tool, not for us
	fake $tool 'while [ $# -gt 1 ]; do [ "$1" != -o ] || echo rubbish >"$2"; shift; done'
done

maelstrom() {
	unset MAELSTROM
	PATH=$scratch/bin:$PATH XDG_CACHE_HOME=$scratch/cache ./run.sh echo "$@"
}

check 'a download that is not the release' 1 'not Maelstrom 0.2.4: its sha256' maelstrom --install-maelstrom
check 'is removed' 1 '' test -e "$scratch/cache/eddy/maelstrom.tar.bz2"
fake curl 'exit 22'
check 'a download that fails' 1 'cannot download' maelstrom --install-maelstrom
command -v maelstrom >/dev/null 2>&1 || check 'no Maelstrom' 1 'no maelstrom: set MAELSTROM' maelstrom --maelstrom
check 'a MAELSTROM that is none' 1 'not a command: /bogus' env MAELSTROM=/bogus ./run.sh echo --maelstrom

# ---- eddy cases -------------------------------------------------------------

# cases LINE [FLAG...]: a table of one line, simulated with few seeds, unless flags say otherwise.
cases() {
	mkdir -p "$scratch/workloads/echo"
	echo "$1" >"$scratch/workloads/echo/cases"
	shift
	TMPDIR=$scratch "$BUILD/bin/eddy" cases --workloads-dir "$scratch/workloads" --harness sim --seeds 2 "$@"
}

check 'a right case' 0 '^2 passed, 0 failed' cases 'echo valid --node-count 1 --time-limit 2 ok-fraction=1'
check 'a wrong verdict' 1 'FAILED: valid, expected invalid; SWEEP: valid for all of 2 seeds' \
	cases 'echo invalid --node-count 1 --time-limit 2'
check 'a broken node that should be right' 1 'FAILED: invalid, expected valid; SWEEP: invalid at seed' \
	cases 'broken:echo-wrong valid --node-count 1 --time-limit 2 --rate 30'
check 'a broken node, rejected' 0 'invalid: errors; at seed' \
	cases 'broken:echo-wrong invalid --node-count 1 --time-limit 2 --rate 30 errors'
check 'rejected for another reason' 1 'FAILED: invalid, but not for :lost; SWEEP: invalid, but not for :lost' \
	cases 'broken:echo-wrong invalid --node-count 1 --time-limit 2 --rate 30 lost'
check 'a figure that is not met' 1 'FAILED: ok-fraction is 1, expected ok-fraction<1' \
	cases 'echo valid --node-count 1 --time-limit 2 ok-fraction<1'
check 'a bad flag' 1 'FAILED: exit status 254' cases 'echo valid --bogus 1'
check 'a bad table' 254 'echo/cases:1: not a verdict' cases 'echo perhaps'
check 'a node that is not there, for real' 0 '^1 passed' cases 'bogus crash --time-limit 2' --harness test
check 'a bad harness' 254 'not test, sim or maelstrom: bogus' cases 'echo valid' --harness bogus
check 'a bad number' 254 'not a number from 1' cases 'echo valid' --seeds 0
check 'an unknown flag' 254 'unknown argument: --bogus' cases 'echo valid' --bogus
check 'Maelstrom without one' 254 'no maelstrom given' cases 'echo valid' --compare

# ---- nothing is left running ------------------------------------------------

# Processes that carry our mark in their environment, this shell's own aside.
marked() { grep -l "EDDY_MARK=$$" /proc/[0-9]*/environ 2>/dev/null | wc -l; }

interrupted() {
	EDDY_MARK=$$ ./run.sh g-set >"$scratch/interrupted" 2>&1 &
	pid=$!
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		sleep 0.5
		[ "$(marked)" -lt 5 ] || break
	done
	[ "$(marked)" -ge 5 ] || { echo 'too few processes to begin with'; return 1; }
	kill -s "$1" $pid
	wait $pid
	status=$?
	[ "$(marked)" -eq 0 ] || { echo 'processes are left'; return 1; }
	return $status
}

check 'SIGTERM leaves no processes' 143 '' interrupted TERM
check 'SIGINT leaves no processes' 130 '' interrupted INT

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
