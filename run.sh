#!/bin/sh
#
# The main job: builds eddy and the nodes, after installing what that needs,
# and runs the workloads' cases under a harness. What it runs, how and what
# comes out of it is `eddy cases` (harness/cases.c); see usage below.

set -u
unset CDPATH
here=$(pwd)
cd "$(dirname "$(readlink -f "$0")")" || exit 1

build=${BUILD:-build}
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/eddy
release=https://github.com/jepsen-io/maelstrom/releases/download/v0.2.4/maelstrom.tar.bz2
release_sha256=301ec71d6b12af0d765edb413f5cf5aa1046b5609bd4e31376a0b549548e5799

usage() {
	cat <<'END'
usage: ./run.sh                     every workload's cases, with real processes
       ./run.sh WORKLOAD            the cases of one workload
       ./run.sh WORKLOAD FLAG...    one run with these flags (as Maelstrom's), e.g. broadcast --rate 100

  --node NAME           only cases of this node; with flags, the node to run (default: the workload's name)
  --list                print the cases
  --maelstrom           run them under the real Maelstrom: $MAELSTROM, or maelstrom on the PATH
  --install-maelstrom   the same, after downloading its release 0.2.4 to a cache directory if there is none
  --compare             run both harnesses and lay the verdicts side by side
  --deps WHAT           only check (and install) what is needed to build, test, tidy, valgrind, bench or sweep

Exit status: 0 if every verdict is as expected (or both harnesses agree), 1 if not, 254 for bad arguments.
END
}

say() { echo "run.sh: $*" >&2; }
fail() { say "$@"; exit 1; }
bad() { say "$* (see --help)"; exit 254; }
have() { command -v "$1" >/dev/null 2>&1; }

# ---- what is needed ---------------------------------------------------------

# need WHAT APT DNF BREW: notes something missing and the packages that have it.
need() {
	missing="$missing${missing:+, }$1" apt="$apt $2" dnf="$dnf $3" brew="$brew $4"
}

need_compiler() {
	case $1 in
	cc | gcc) need "$1" 'gcc libc6-dev' gcc gcc ;;
	clang*) need "$1" "$1 libc6-dev" "$1" llvm ;;
	*) fail "the compiler of CC is not there: $1" ;;
	esac
}

has_library() { pkg-config --exists "$1" 2>/dev/null; }

look_build() {
	compiler=${CC:-cc}
	if ! have "${compiler%% *}"; then
		need_compiler "${compiler%% *}"
	elif ! echo '#include <stdlib.h>' | $compiler -E - >/dev/null 2>&1; then
		need "the C library's headers" libc6-dev glibc-devel ''
	fi
	have make || need make make make make
	have pkg-config || need pkg-config pkg-config pkgconf-pkg-config pkg-config
	has_library jansson || need jansson libjansson-dev jansson-devel jansson
	has_library libbsd-overlay || need libbsd libbsd-dev libbsd-devel libbsd
	has_library zlib || need zlib zlib1g-dev zlib-devel zlib
}

# libFuzzer is a part of clang's runtime, which is only recommended by Debian's package of clang.
look_test() {
	look_build
	has_library cmocka || need cmocka libcmocka-dev libcmocka-devel cmocka
	have ps || need ps procps procps-ng ''
	have patch || need patch patch patch ''
	have parallel || need 'GNU parallel' parallel parallel parallel
	if ! have clang || [ ! -e "$(clang -print-file-name="libclang_rt.fuzzer-$(uname -m).a")" ]; then
		need 'clang with libFuzzer' 'clang libclang-rt-dev' 'clang compiler-rt' llvm
	fi
}

look_tidy() {
	look_build
	have clang-format || need clang-format clang-format clang-tools-extra clang-format
	have clang-tidy || need clang-tidy clang-tidy clang-tools-extra llvm
	have cppcheck || need cppcheck cppcheck cppcheck cppcheck
	have shellcheck || need shellcheck shellcheck ShellCheck shellcheck
}

look_valgrind() {
	look_build
	have valgrind || need valgrind 'valgrind libc6-dbg' valgrind valgrind
}

look_bench() { look_build; }

look_sweep() {
	look_build
	have parallel || need 'GNU parallel' parallel parallel parallel
}

look() {
	missing='' apt='' dnf='' brew=''
	"look_$1"
	[ -z "$missing" ]
}

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

say_how() {
	say "missing: $missing. Install it with one of"
	if [ "$(id -u)" = 0 ]; then sudo=; else sudo='sudo '; fi
	echo "  ${sudo}apt-get install -y --no-install-recommends$apt
  ${sudo}dnf install -y$dnf
  brew install$brew" >&2
	exit 1
}

can_install() {
	have apt-get || return
	[ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null
}

deps() {
	look "$1" && return
	can_install || say_how
	say "installing$apt (some minutes, where much is missing)"
	as_root apt-get update -qq >&2
	# shellcheck disable=SC2086 # a list of packages
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
		-o Dpkg::Use-Pty=0 $apt </dev/null >/dev/null || say_how
	look "$1" || say_how
}

# ---- Maelstrom --------------------------------------------------------------

download() {
	if have curl; then curl -fsSL -o "$2" "$1"; elif have wget; then wget -q -O "$2" "$1"; else
		fail "--install-maelstrom needs curl or wget"
	fi
}

sha256() {
	if have sha256sum; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

install_maelstrom() {
	tarball=$cache/maelstrom.tar.bz2
	have bzip2 || fail "--install-maelstrom needs bzip2"
	mkdir -p "$cache" || exit 1
	say "downloading $release"
	download "$release" "$tarball" || { rm -f "$tarball"; fail "cannot download $release"; }
	if [ "$(sha256 "$tarball")" != $release_sha256 ]; then
		rm -f "$tarball"
		fail "what was downloaded is not Maelstrom 0.2.4: its sha256 is not $release_sha256"
	fi
	rm -rf "$cache/new" "$cache/maelstrom"
	mkdir "$cache/new"
	tar -xjf "$tarball" -C "$cache/new" || fail "cannot unpack $tarball"
	mv "$cache/new/maelstrom" "$cache/maelstrom" || exit 1
	rm -rf "$cache/new" "$tarball"
}

# Sets $maelstrom. One that the user names has its own ways to find java.
find_maelstrom() {
	if [ -n "${MAELSTROM:-}" ]; then
		case $MAELSTROM in
		/*) maelstrom=$MAELSTROM ;;
		*/*) maelstrom=$here/$MAELSTROM ;;
		*) maelstrom=$MAELSTROM ;;
		esac
		have "$maelstrom" || fail "MAELSTROM is not a command: $MAELSTROM"
		return
	fi
	if ! have java || ! have gnuplot; then
		fail "Maelstrom needs java and gnuplot: sudo apt-get install -y default-jre-headless gnuplot-nox graphviz"
	fi
	maelstrom=maelstrom
	have maelstrom && return
	maelstrom=$cache/maelstrom/maelstrom
	[ -x "$maelstrom" ] && return
	[ -n "$install" ] || fail "no maelstrom: set MAELSTROM, put it on the PATH, or pass --install-maelstrom"
	install_maelstrom
}

# ---- the job ----------------------------------------------------------------

compile() {
	deps build
	[ -x "$build/bin/eddy" ] || say "building"
	MAKEFLAGS='' make -s -j "$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)" BUILD="$build" || fail "the build failed"
}

node_binary() {
	case $1 in
	broken:*) echo "$build/broken/${1#broken:}" ;;
	*) echo "$build/bin/$1" ;;
	esac
}

# One run of one node with the flags given.
run_one() {
	node=${node:-$workload}
	bin=$(node_binary "$node")
	[ -x "$bin" ] || bad "no such node: $node"
	case $harness in
	test) exec "$build/bin/eddy" test -w "$workload" --bin "$bin" "$@" ;;
	maelstrom) exec "$maelstrom" test -w "$workload" --bin "$bin" "$@" ;;
	compare) exec "$build/bin/eddy" cases --compare --maelstrom "$maelstrom" --workload "$workload" \
		--node "$node" -- "$@" ;;
	esac
}

run_cases() {
	[ -z "$workload" ] || set -- "$@" --workload "$workload"
	[ -z "$node" ] || set -- "$@" --node "$node"
	[ -z "$list" ] || exec "$build/bin/eddy" cases --list "$@"
	case $harness in
	test) exec "$build/bin/eddy" cases --store store --recovery 5 "$@" ;;
	maelstrom) exec "$build/bin/eddy" cases --store store --harness maelstrom --maelstrom "$maelstrom" "$@" ;;
	compare) exec "$build/bin/eddy" cases --store store --compare --maelstrom "$maelstrom" "$@" ;;
	esac
}

if [ "${1:-}" = --deps ]; then
	case ${2:-} in
	build | test | tidy | valgrind | bench | sweep) deps "$2" ;;
	*) bad "--deps: not build, test, tidy, valgrind, bench or sweep: ${2:-}" ;;
	esac
	exit 0
fi

workload='' node='' harness=test list='' install=''
left=$# # arguments not looked at yet; those for the harness move behind them
while [ "$left" -gt 0 ]; do
	argument=$1 left=$((left - 1))
	shift
	case $argument in
	-h | --help) usage && exit 0 ;;
	--list) list=yes ;;
	--maelstrom) [ $harness = compare ] || harness=maelstrom ;;
	--install-maelstrom) [ $harness = compare ] || harness=maelstrom; install=yes ;;
	--compare) harness=compare ;;
	--node)
		[ "$left" -gt 0 ] || bad "--node wants a name"
		node=$1 left=$((left - 1))
		shift
		;;
	--node=*) node=${argument#--node=} ;;
	--) # what follows is the node's
		[ -n "$workload" ] || bad "unknown argument or workload: --"
		set -- "$@" --
		while [ "$left" -gt 0 ]; do
			set -- "$@" "$1"
			shift
			left=$((left - 1))
		done
		;;
	*)
		if [ -n "$workload" ]; then
			set -- "$@" "$argument"
		elif [ "${argument#-}" = "$argument" ] && [ -e "workloads/$argument/cases" ]; then
			workload=$argument
		else
			bad "unknown argument or workload: $argument"
		fi
		;;
	esac
done

[ -z "$list" ] || [ $# -eq 0 ] || bad "--list takes no flags: $*"
[ $harness = test ] || [ -n "$list" ] || find_maelstrom
compile
if [ $# -gt 0 ]; then run_one "$@"; else run_cases; fi
