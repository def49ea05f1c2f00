#!/usr/bin/env bash
# Runs the benches on one device and writes what they measured, with hardware, driver and commit.
#
#   benches/run.sh [flex|wgpu|cuda] [folder]
#
# Into the folder, by default benches/results/<device>: results.json, and results.md with the tables. On a GPU the networks and
# pools of real trainings are measured, on the CPU small ones. FFC_BENCH_BINARIES names a folder with binaries that were built
# elsewhere (`cargo bench --no-run`), for machines without Rust. Where PYTHON, by default python3, has PyTorch, that does the
# networks' work too, on the CPU or on CUDA.
set -euo pipefail
device=${1:-flex}
cd "$(dirname "$0")/.."
out=${2:-benches/results/$device}
mkdir -p "$out"
out=$(cd "$out" && pwd)
export BURN_DEVICE=$device
python=${PYTHON:-python3}
# As the command has it: freed pages are kept, so that timings are not those of the kernel clearing new ones.
export MIMALLOC_PURGE_DELAY=${MIMALLOC_PURGE_DELAY:--1}
export CRITERION_HOME=$out/criterion
rm -rf "$CRITERION_HOME"

bench() {
  if [[ -n ${FFC_BENCH_BINARIES:-} ]]; then
    "$FFC_BENCH_BINARIES/$1" --bench
  else
    local features=()
    [[ $device == flex ]] || features=(--features "$device")
    cargo bench --workspace "${features[@]}" --bench "$1"
  fi
}

# The bench's tables. One that fails, as where memory does not suffice, is named, and the others go on.
tables() {
  if bench "$name" >"$out/bench.log" 2>&1; then
    grep -E '^\|' "$out/bench.log"
  else
    echo "| failed: $(grep -m1 -iE 'error|panicked|memory' "$out/bench.log" | cut -c1-200) |"
  fi
}

# The same, a process for each case of a list; without a list the bench's own cases.
cases() {
  local variable=$1 case first=true
  [[ -n $2 ]] || { tables; return; }
  for case in ${2//,/ }; do
    echo "$name $case" >&2
    export "$variable=$case"
    if $first; then tables; else tables | grep -vE '^\|(---| network| Q)'; fi || true
    first=false
  done
  export "$variable=$2"
}

benches="backbone step head memory_parts loader"
if [[ $device == flex ]]; then
  # head_memory counts what is asked of the host's allocator.
  benches+=" head_memory"
else
  backbones= steps=
  for network in IResNet-50 MobileFaceNet ViT-S; do
    for precision in f32 bf16; do
      for batch in 128 256 512 1024; do backbones+=,$network:$batch:$precision; done
      # A batch B makes 3 B pictures a step.
      for batch in 128 256; do steps+=,$network:$batch:$precision:30000; done
    done
    for pool in 10000 100000 1000000; do steps+=,$network:128:bf16:$pool; done
  done
  export FFC_BENCH_HEADS=${FFC_BENCH_HEADS:-10000:128,30000:128,30000:256,100000:128,1000000:128}
  export FFC_BENCH_BACKBONES=${FFC_BENCH_BACKBONES:-${backbones#,}}
  export FFC_BENCH_STEPS=${FFC_BENCH_STEPS:-${steps#,}}
  export FFC_BENCH_MEMORY=${FFC_BENCH_MEMORY:-IResNet-50:128:f32:30000,IResNet-50:128:bf16:30000,ViT-S:128:bf16:1000000}
fi

processor=$(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -1)
gpu=$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null || true)
commit=${FFC_COMMIT:-$(git rev-parse --short HEAD 2>/dev/null || echo unknown)}
{
  echo "# Benches on $device"
  echo
  echo "$(date -u +%F), commit $commit; ${processor:-unknown processor}, $(nproc) threads${gpu:+; $gpu}."
  for name in ${FFC_BENCHES:-$benches}; do
    printf '\n## %s\n\n' "$name"
    case $name in
      backbone) cases FFC_BENCH_BACKBONES "${FFC_BENCH_BACKBONES:-}" ;;
      head) cases FFC_BENCH_HEADS "${FFC_BENCH_HEADS:-}" ;;
      step) cases FFC_BENCH_STEPS "${FFC_BENCH_STEPS:-}" ;;
      memory_parts) cases FFC_BENCH_MEMORY "${FFC_BENCH_MEMORY:-}" ;;
      *) tables ;;
    esac
  done
  if "$python" -c "import torch" 2>/dev/null; then
    case $device in
      flex) reference=(backbones_pytorch.py "$(nproc)") ;;
      cuda) reference=(backbones_gpu_pytorch.py cuda) ;;
      *) reference=() ;;
    esac
    if ((${#reference[@]})); then
      printf '\n## PyTorch, the same networks\n\n'
      "$python" "benches/reference/${reference[0]}" "${reference[@]:1}"
    fi
  fi
} | tee "$out/results.md"

# Everything that criterion measured: seconds, median with its interval.
{
  printf '{"device":"%s","date":"%s","commit":"%s","processor":"%s","threads":%s,"gpu":"%s","results":[' \
    "$device" "$(date -u +%FT%TZ)" "$commit" "$processor" "$(nproc)" "$gpu"
  comma=
  while IFS= read -r estimates; do
    folder=$(dirname "$estimates")
    id=$(sed -n 's/.*"full_id":"\([^"]*\)".*/\1/p' "$folder/benchmark.json")
    median=$(sed -n 's/.*"median":{"confidence_interval":{"confidence_level":[^,]*,"lower_bound":\([^,]*\),"upper_bound":\([^}]*\)},"point_estimate":\([^,]*\),.*/"low_ns":\1,"high_ns":\2,"median_ns":\3/p' "$estimates")
    printf '%s\n  {"bench":"%s",%s}' "$comma" "$id" "$median"
    comma=,
  done < <(find "$CRITERION_HOME" -path '*/new/estimates.json' 2>/dev/null | sort)
  printf '\n]}\n'
} >"$out/results.json"
rm -rf "$CRITERION_HOME" "$out/bench.log"
echo "written: $out/results.md, $out/results.json" >&2
