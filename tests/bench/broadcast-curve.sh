#!/bin/bash
#
# Messages against latency: what the options of nodes/broadcast.c trade. Each
# setting is simulated, where figures are exact, with seeds 1 to SEEDS; medians
# are printed as Markdown, beside figures that others have published. With the
# name of a file it also draws them there (SVG, with gnuplot):
#
#	tests/bench/broadcast-curve.sh workloads/broadcast/curve.svg

set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
seeds=${SEEDS:-5}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

flags="-w broadcast --node broadcast --node-count 25 --rate 100 --latency 100 --time-limit 20"
settings='--direct
--batch-ms 220
--batch-ms 300

--batch-ms 600
--batch-ms 800 --collect-ms 300
--batch-ms 1100 --collect-ms 500
--batch-ms 1500 --collect-ms 800'

# messages; median; most; name
public='8.5;250;390
1.987;339;678
1.92;764;1087
13.8;78;99'

# figures SEED SETTING: messages, median, most.
figures() {
	# shellcheck disable=SC2086 # words
	"$build/bin/eddy" sim $flags --seed "$1" -- $2 | awk '
		/between servers/ { messages = $NF }
		/:stable-latencies/ { gsub(/[{},]/, " "); median = $5; most = $11 }
		END { print messages, median, most }'
}

# A setting in a picture: 1100 + 500.
label() { echo "${1:-default}" | sed 's/--batch-ms //; s/--collect-ms/+/'; }

median() { awk -v n="$1" '{ print $n }' "$2" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

echo "| setting | messages an operation | stable latency: median | most |"
echo "|---|---|---|---|"
while IFS=';' read -r messages middle most; do
	echo "| published elsewhere | $messages | $middle ms | $most ms |"
	echo "$middle $messages" >>"$scratch/public"
done <<<"$public"
while IFS= read -r setting; do
	for seed in $(seq "$seeds"); do figures "$seed" "$setting"; done >"$scratch/runs"
	messages=$(median 1 "$scratch/runs") middle=$(median 2 "$scratch/runs") most=$(median 3 "$scratch/runs")
	echo "| ${setting:+\`}${setting:-by default}${setting:+\`} | $messages | $middle ms | $most ms |"
	echo "$middle $messages \"$(label "$setting")\"" >>"$scratch/ours"
done <<<"$settings"
echo
echo "\`$build/bin/eddy sim $flags -- SETTING\`, medians of seeds 1 to $seeds."

[ $# -eq 0 ] && exit
gnuplot >"$scratch/curve.svg" <<END || exit 1
set terminal svg size 720,420 font 'sans-serif,12' background '#ffffff'
set logscale y
set xrange [0:1500]
set yrange [0.3:20]
set xlabel 'median of the stable latency (ms)'
set ylabel 'messages between servers per operation'
set title '25 nodes, 100 operations a second, 100 ms from node to node'
set key top right
set grid ytics
plot '$scratch/ours' using 1:2 with linespoints pt 7 ps 0.6 lc rgb '#1f77b4' title 'nodes/broadcast.c, by --batch-ms + --collect-ms', \
	'' using 1:2:3 with labels offset 1,0.7 left font ',9' tc rgb '#1f77b4' notitle, \
	'$scratch/public' using 1:2 with points pt 2 lc rgb '#d62728' title 'published elsewhere'
END
mv "$scratch/curve.svg" "$1"
