#!/usr/bin/env bash
# Everything that needs a GPU, in less than ten minutes: which device, driver and builds; the ladder of stages against
# the oracle without TensorFloat-32; the recurrent layers; the fast benchmarks without and with TensorFloat-32; the
# report. It needs no network, and leaves at most seven files in OUT.
#
#     benchmarks/gpu.sh OUT jax=PYTHON torch=PYTHON tensorflow=PYTHON [OPTION…]
#
# Each PYTHON belongs to an environment with that backend, built for the GPU, such as those of `tox -e jax-gpu`; leave
# out those that you do not have. One environment may serve several backends. Options are those of `python -m benchmarks
# run`. Run again with the same OUT, it continues where it was stopped; the exit status is 0 when nothing is missing.
# For a machine without a network, see benchmarks/carry.sh.
#
# IMDB_RNN_GPU_REHEARSAL=1 tries all of it on a CPU, with little work and an `nvidia-smi` of your own on the PATH.
set -uo pipefail
SECONDS=0 limit=570
out=$(mkdir -p "$1" && cd "$1" && pwd)
shift
pythons=() options=()
for given in "$@"; do
  if [[ $given == --* || $given != *=* ]]; then options+=("$given"); else pythons+=("$given"); fi
done
cd "$(dirname "$0")/.." || exit
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH} TF_CPP_MIN_LOG_LEVEL=2
ladder=(--require-gpu -k gpu) small=()
if [ "${IMDB_RNN_GPU_REHEARSAL:-}" = 1 ]; then
  # The tests of the ladder that compute nothing; the others run on a CPU in `tox -e jax,torch,tf`.
  ladder=(-k tolerance) small=(--layer LSTM --size 8 --rounds 1)
fi
first=${pythons[0]#*=}
ended=0

echo "== device"
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv > "$out/device.txt" || exit
for given in "${pythons[@]}"; do
  "${given#*=}" -P -m benchmarks.builds "${given%%=*}" 2> /dev/null >> "$out/device.txt" || ended=1
done
cat "$out/device.txt"

echo "== ladder"
[ -f "$out/run.tar.gz" ] && tar -xzf "$out/run.tar.gz" -C "$out"
work=$(mktemp -d)
for given in "${pythons[@]}"; do
  backend=${given%%=*}
  [ -f "$out/ladder-$backend.txt" ] && continue
  (
    KERAS_BACKEND=$backend IMDB_RNN_ARTEFACTS=$work/artefacts timeout 240 "${given#*=}" -P -m pytest -q -rA \
      -p no:cacheprovider "${ladder[@]}" backends_test/tests/backend/each/test_ladder.py &> "$work/$backend.txt"
    # A ladder that was stopped is climbed again; one with a failure is not.
    [ $? -le 1 ] && mv "$work/$backend.txt" "$out/ladder-$backend.txt"
  ) &
done
wait
rm -rf "$work"
for given in "${pythons[@]}"; do
  last=$(tail -n 1 "$out/ladder-${given%%=*}.txt")
  echo "${given%%=*}: $last"
  [[ $last == *" passed"* && $last != *" failed"* && $last != *" error"* ]] || ended=1
done

echo "== layers"
for given in "${pythons[@]}"; do
  KERAS_BACKEND=${given%%=*} timeout --signal=INT $((limit - SECONDS)) "${given#*=}" -P -m benchmarks.layers \
    run "$out/layers" --device gpu "${small[@]}" || ended=1
done
"$first" -P -m benchmarks.layers show "$out/layers" | tee "$out/layers.md"

echo "== benchmarks"
timeout --signal=INT $((limit - SECONDS)) "$first" -P -m benchmarks run --device gpu --fast --out "$out/run" \
  "${pythons[@]/#/--python=}" "${options[@]}" || ended=1
# Of a run that was stopped, the report shows what there is.
[ -f "$out/run/report.html" ] || "$first" -P -m benchmarks report --out "$out/run" || ended=1
cp "$out/run/report.html" "$out" || ended=1
tar -czf "$out/run.tar.gz" -C "$out" run layers && rm -rf "$out/run" "$out/layers"
echo "== $(ls "$out" | wc -l) files in $out after $SECONDS s"
exit $ended
