#!/usr/bin/env bash
# Runs fuzz targets one after the other, each until it has had so many seconds of a processor: fuzz/run.sh SECONDS [TARGET...], by default all.
#
# Needs `cargo install cargo-fuzz` and a C++ compiler, for libFuzzer. On the stable toolchain RUSTC_BOOTSTRAP=1 allows the sanitizer's flags.
# What was found grows in fuzz/corpus, beside the seeds; what breaks a parser is written to fuzz/artifacts. Started again, it goes on.
set -euo pipefail
cd "$(dirname "$0")"
export RUSTC_BOOTSTRAP=1
seconds=${1:?usage: fuzz/run.sh SECONDS [TARGET...]}
shift
if (($#)); then targets=("$@"); else targets=($(cd targets && printf '%s\n' *.rs | sed 's/\.rs$//')); fi
# Bits of time, so that little is lost when it is stopped.
bit=120
# Puts the seconds of a processor that the targets have had so far into `had`: beside other work fewer than have passed. Not in a subshell, which
# would have none.
count_processor() {
  times >"$last-times"
  had=$(awk 'NR == 2 { split($1, user, /[ms]/); print int(60 * user[1] + user[2]) }' "$last-times")
}
mkdir -p results
# Of this run alone: others may be under way.
last=results/last-$$
cargo fuzz build
failed=0
for target in "${targets[@]}"; do
  mkdir -p "corpus/$target"
  spent=$(awk '{ sum += $1 } END { print sum + 0 }' "results/$target.txt" 2>/dev/null || echo 0)
  # A network's graph needs more bytes than the other files.
  most=16384
  if [[ $target == onnx ]]; then most=131072; fi
  while ((spent < seconds)); do
    now=$((seconds - spent < bit ? seconds - spent : bit))
    count_processor
    before=$had
    # A line for each bit of time: seconds, runs, edges reached.
    if ! cargo fuzz run "$target" "corpus/$target" "seeds/$target" -- \
      -max_total_time="$now" -max_len=$most -timeout=20 -rss_limit_mb=3072 -print_final_stats=1 2>"$last"; then
      grep -E 'panicked|ERROR|SUMMARY|Test unit' "$last" >&2 || tail -5 "$last" >&2
      echo "$target: an input broke it, see fuzz/artifacts/$target" >&2
      failed=1
      continue 2
    fi
    count_processor
    had=$((had - before))
    spent=$((spent + had))
    runs=$(awk '/stat::number_of_executed_units/ { print $2 }' "$last")
    edges=$(grep -o 'cov: [0-9]*' "$last" | tail -1 | cut -d ' ' -f 2 || true)
    echo "$had $runs $edges" >>"results/$target.txt"
    echo "$target: $spent of $seconds s, $runs runs, $edges edges"
  done
done
exit "$failed"
