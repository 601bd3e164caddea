#!/usr/bin/env bash
# Downloads what benchmarks/gpu.sh needs on a machine without a network that has JAX or PyTorch and the usual packages
# of science, but not Keras. There:
#
#     python -m pip install --no-index --no-deps --target SITE .carried/*.whl; export PYTHONPATH=SITE
#
#     benchmarks/carry.sh 3.12      the version of Python there
set -euo pipefail
platforms=(--platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64)
python3 -m pip download --quiet --no-deps --only-binary=:all: --python-version "$1" --implementation cp \
  "${platforms[@]}" --dest .carried keras namex optree platformdirs pyperf
