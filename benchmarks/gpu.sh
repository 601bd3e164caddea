#!/usr/bin/env bash
# Everything that needs a GPU, in less than ten minutes: the ladder of stages against the oracle without TensorFloat-32,
# then the fast benchmarks without and with it. It needs no network, and leaves at most six files in OUT.
#
#     benchmarks/gpu.sh OUT jax=PYTHON torch=PYTHON tensorflow=PYTHON [OPTION…]
#
# Each PYTHON belongs to an environment with that backend, built for the GPU; leave out those that you do not have. One
# environment may serve several backends. Options are those of `python -m benchmarks run`. Run again with the same OUT,
# it continues where it was stopped. For a machine without a network, see benchmarks/carry.sh.
set -uo pipefail
out=$(mkdir -p "$1" && cd "$1" && pwd)
shift
pythons=() options=()
for given in "$@"; do
  if [[ $given == --* ]]; then options+=("$given"); else pythons+=("$given"); fi
done
cd "$(dirname "$0")/.." || exit
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH}

nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv | tee "$out/device.txt"
for given in "${pythons[@]}"; do
  backend=${given%%=*}
  [ -f "$out/ladder-$backend.txt" ] && continue
  KERAS_BACKEND=$backend IMDB_RNN_ARTEFACTS=$out/artefacts "${given#*=}" -P -m pytest -p no:cacheprovider -q -rA \
    --require-gpu backends_test/tests/backend/each/test_ladder.py -k gpu &> "$out/ladder-$backend.txt" &
done
wait
rm -rf "$out"/artefacts*
tail -n 1 "$out"/ladder-*.txt

[ -f "$out/run.tar.gz" ] && tar -xzf "$out/run.tar.gz" -C "$out"
benchmarks=("${pythons[0]#*=}" -P -m benchmarks)
timeout --signal=INT 450 "${benchmarks[@]}" run --device gpu --fast --out "$out/run" "${pythons[@]/#/--python=}" \
  "${options[@]}"
ended=$?
tar -czf "$out/run.tar.gz" -C "$out" run
mv "$out/run/report.html" "$out" 2> /dev/null
rm -rf "$out/run"
exit $ended
