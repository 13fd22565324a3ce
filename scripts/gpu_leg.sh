#!/usr/bin/env bash
# Training in short legs, on a machine that is lent for minutes, has no network, and takes and gives back little at a time.
#
#   cat corpus_*.tar | split -b 20M --numeric-suffixes - pieces/corpus.  # at home: audio and manifest.csv, cut to what travels
#
#   gpu_leg.sh collect PIECES WORK               # there, for each load of pieces: keep them in WORK
#   gpu_leg.sh measure WORK [train options]      # crops a second at several batch sizes, eager and compiled
#   gpu_leg.sh train WORK OUT MINUTES [train options]
#                                                # unpack, go on, train, validate; leave weights and a page of log in OUT
#
# WORK holds corpus, run and compile cache from leg to leg. OUT gets the average of the weights in half precision, cut into
# parts (`cat model.safetensors.* > model.safetensors`), log.jsonl, and log.txt with the machine, the messages and the pace.
# To go on where WORK is lost, bring the weights and say --resume FOLDER: a new schedule begins from them.
set -euo pipefail

M2L_BENCH="${M2L_BENCH:-python3 -m m2l_bench}"
PART="${PART:-15M}"

unpack_corpus() {
    export TORCHINDUCTOR_CACHE_DIR="${TORCHINDUCTOR_CACHE_DIR:-$1/compiled}"
    [ -f "$1/corpus/corpus.json" ] && return
    mkdir -p "$1/audio"
    cat "$1"/pieces/* | tar -x --ignore-zeros -C "$1/audio"
    $M2L_BENCH pack "$1/audio" -o "$1/corpus" || [ $? -eq 3 ] # 3: some files could not be read, and were named
}

collect() {
    mkdir -p "$2/pieces"
    cp "$1"/* "$2/pieces/"
    rm -rf "$2/corpus" # it is of the pieces that were there before
    du -sh "$2/pieces"
}

measure() {
    work=$1
    shift
    unpack_corpus "$work"
    for batch in 16 32 64; do
        for compile in "" --compile; do
            echo "batch $batch $compile"
            # shellcheck disable=SC2086 # an empty option is none
            timeout 120 $M2L_BENCH train --data "$work/corpus" --out "$work/measure-$batch$compile" --batch-size "$batch" \
                --max-minutes "${MEASURE_MINUTES:-0.4}" --interval-minutes 60 $compile "$@" 2>&1 | grep -E "crops a second|error" ||
                echo "no speed"
            rm -rf "$work/measure-$batch$compile"
        done
    done
}

train() {
    work=$1 out=$2 minutes=$3
    shift 3
    mkdir -p "$out"
    {
        (nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader || nproc) 2>/dev/null
        unpack_corpus "$work"
        $M2L_BENCH train --data "$work/corpus" --out "$work/run" --max-minutes "$minutes" --interval-minutes 3 "$@"
        $M2L_BENCH export "$work/run/model" --half -o "$work/half"
    } 2>&1 | tee "$out/log.txt"
    cp "$work/run/log.jsonl" "$work/half/config.json" "$out/"
    split -b "$PART" --numeric-suffixes "$work/half/model.safetensors" "$out/model.safetensors."
    ls -l "$out"
}

verb=${1:-}
case "$verb" in
collect | measure | train)
    shift
    "$verb" "$@"
    ;;
*)
    sed -n '2,14s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
