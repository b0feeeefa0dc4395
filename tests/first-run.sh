#!/bin/sh
#
# Shows that ./run.sh and `make test` work as the first command typed on a
# fresh Debian 12: each gets a minimal system of its own (debootstrap, chroot;
# root only) with a clean copy of this tree, and with this machine's way to its
# packages. BASE keeps the minimal system from one time to the next.

set -u
cd "$(dirname "$0")/.." || exit 1
[ "$(id -u)" = 0 ] || { echo 'first-run.sh: only root can chroot' >&2; exit 1; }
command -v debootstrap >/dev/null || apt-get install -y -qq debootstrap >/dev/null || exit 1
scratch=$(mktemp -d /var/tmp/first-run.XXXXXX)
base=${BASE:-$scratch/base}
passed=0 failed=0

clean_up() {
	umount "$scratch"/root/proc 2>/dev/null
	rm -rf --one-file-system "$scratch"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP

# shellcheck disable=SC2016 # for apt-get, not for us
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | head -n 1)
[ -d "$base/bin" ] || debootstrap --variant=minbase bookworm "$base" "$mirror" >"$scratch/log" 2>&1 ||
	{ tail "$scratch/log"; exit 1; }

# A fresh system, its packages from where this machine's come from, and the files that git knows or would.
prepare() {
	cp -a "$base" "$scratch/root"
	rm -rf "$scratch/root/etc/apt"
	cp -a /etc/apt "$scratch/root/etc/apt"
	cp -L /etc/resolv.conf /etc/hosts "$scratch/root/etc/"
	mount -t proc proc "$scratch/root/proc"
	mkdir "$scratch/root/root/eddy"
	git ls-files -z --cached --others --exclude-standard | tar -c --null -T - | tar -x -C "$scratch/root/root/eddy"
}

inside() {
	env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM="${TERM:-dumb}" \
		chroot "$scratch/root" /bin/sh -c "cd /root/eddy && $1"
}

# first COMMAND [BEFORE]: the command must succeed; BEFORE is what even it cannot do without.
first() {
	prepare
	echo "---- $1"
	[ -z "${2:-}" ] || inside "$2" >/dev/null 2>&1
	began=$(date +%s)
	if inside "$1"; then
		passed=$((passed + 1))
	else
		echo "FAILED  $1"
		failed=$((failed + 1))
	fi
	echo "---- $1: $(($(date +%s) - began)) s"
	umount "$scratch/root/proc"
	rm -rf --one-file-system "$scratch/root"
}

first ./run.sh
first 'make test' 'apt-get update && apt-get install -y --no-install-recommends make'
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
