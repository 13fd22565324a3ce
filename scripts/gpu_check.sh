#!/usr/bin/env bash
# Everything that the first minutes on a GPU should tell, in one command of at most nine minutes:
#
#   RESULTS=DIR gpu_check.sh [CORPUS [WEIGHTS]]
#
#   correct    the device against the CPU and against the authors' package
#   profile    a training step and a decoding: kernels, bytes and products against the roofline
#   codec      benchmarks/codec.py: ours and the authors' package in turn
#   train_step benchmarks/train_step.py: ours and the authors' trainer in turn
#   compiled   the same, ours of this preset, with --compile: seconds to the first step, and speed
#   train      training on CORPUS (packed) for the rest of the time, from WEIGHTS (a model, a run or a compact checkpoint)
#   export     its weights in half precision
#
# Each part has its own time limit, prints as it goes and writes into RESULTS as it goes; one that fails or runs out of time
# does not stop the next. `parts.tsv` has the exit status (124: out of time) and the seconds of each. To rehearse it:
#
#   RESULTS=DIR DEVICE=cpu PRESET=tiny BATCH=1 CLIP=1 ROUNDS=1 MINUTES=3 gpu_check.sh CORPUS
#
# More variables: PYTHON, PARTS (names of parts to run), OFFICIAL (a folder with music2latent 0.1.7), TRAIN_OPTIONS.
set -uo pipefail

if [ -z "${RESULTS:-}" ] || [ $# -gt 2 ]; then
    sed -n '2,22s/^# \{0,1\}//p' "$0"
    exit 2
fi
CORPUS=${1:-} WEIGHTS=${2:-}
PYTHON=${PYTHON:-python3} DEVICE=${DEVICE:-cuda} PRESET=${PRESET:-small} BATCH=${BATCH:-32} CLIP=${CLIP:-10} ROUNDS=${ROUNDS:-3}
MINUTES=${MINUTES:-9} PARTS=${PARTS:-correct profile codec train_step compiled train export} OFFICIAL=${OFFICIAL:-}
TRAIN_OPTIONS=${TRAIN_OPTIONS:-}

mkdir -p "$RESULTS"
RESULTS=$(cd "$RESULTS" && pwd)
BENCHMARKS=$(cd "$(dirname "$0")/../benchmarks" && pwd)
export PYTHONUNBUFFERED=1
export PYTHONPATH="$(dirname "$BENCHMARKS")${PYTHONPATH:+:$PYTHONPATH}"
export TORCHINDUCTOR_CACHE_DIR="${TORCHINDUCTOR_CACHE_DIR:-$RESULTS/inductor}"
printf 'part\tstatus\tseconds\n' >"$RESULTS/parts.tsv"
failed=0

left() { # seconds until the end, ten of them kept
    echo $((MINUTES * 60 - SECONDS - 10))
}

part() { # NAME SHARE COMMAND...: at most this share (in hundredths) of all the time
    local name=$1 limit=$(($2 * MINUTES * 60 / 100)) began=$SECONDS status
    shift 2
    [[ " $PARTS " == *" $name "* ]] || return 0
    [ "$limit" -le "$(left)" ] || limit=$(left)
    echo "== $name, at most $limit s"
    if [ "$limit" -gt 0 ]; then
        timeout -k 5 "$limit" "$@" 2>&1 | tee "$RESULTS/$name.txt"
        status=${PIPESTATUS[0]}
    else
        status=124
    fi
    [ "$status" -eq 0 ] || failed=1
    printf '%s\t%s\t%s\n' "$name" "$status" $((SECONDS - began)) | tee -a "$RESULTS/parts.tsv"
}

(nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader || nproc) 2>/dev/null | tee "$RESULTS/machine.txt"
part correct 12 "$PYTHON" "$BENCHMARKS/gpu_check.py" correct --device "$DEVICE" --preset "$PRESET" --seconds "$CLIP" \
    --json "$RESULTS/correct.json"
part profile 22 "$PYTHON" "$BENCHMARKS/gpu_check.py" profile --device "$DEVICE" --preset "$PRESET" --batch "$BATCH" \
    --seconds "$CLIP" --rounds "$ROUNDS" --json "$RESULTS/profile.json"
part codec 15 "$PYTHON" "$BENCHMARKS/codec.py" --device "$DEVICE" --batch "$BATCH" --seconds "$CLIP" --rounds "$ROUNDS" \
    --json "$RESULTS/codec.json"
part train_step 15 "$PYTHON" "$BENCHMARKS/train_step.py" --device "$DEVICE" --batch "$BATCH" --rounds "$ROUNDS" \
    ${OFFICIAL:+--official "$OFFICIAL"} --json "$RESULTS/train_step.json"
part compiled 20 "$PYTHON" "$BENCHMARKS/train_step.py" --device "$DEVICE" --preset "$PRESET" --batch "$BATCH" --rounds "$ROUNDS" \
    --compile --json "$RESULTS/compiled.json"
if [ -n "$CORPUS" ]; then
    # A fourteenth of the time is kept for starting, the last checkpoint and the export.
    minutes=$(awk "BEGIN { left = $(left) / 60 - $MINUTES / 14; print (left > 0.02 ? left : 0.02) }")
    # shellcheck disable=SC2086 # options are several words
    part train 100 "$PYTHON" -m m2l_bench train --data "$CORPUS" --out "$RESULTS/run" --preset "$PRESET" --device "$DEVICE" \
        --batch-size "$BATCH" --max-minutes "$minutes" --interval-minutes 3 ${WEIGHTS:+--resume "$WEIGHTS"} $TRAIN_OPTIONS
    part export 100 "$PYTHON" -m m2l_bench export "$RESULTS/run/model" --half -o "$RESULTS/model"
fi
cat "$RESULTS/parts.tsv"
exit $failed
