#!/usr/bin/env bash
# What there is to know of plogq on a GPU, by one command: built, tested, checked, timed and tuned.
#
#   benchmarks/gpu_check.sh --fetch          where there is a network: wheels for the bare machine
#   benchmarks/gpu_check.sh FOLDER           there: every step, each under its own limit
#   benchmarks/gpu_check.sh FOLDER STEP…     some: machine install tests sanitizer benchmarks tune
#   python -m benchmarks --from FOLDER/benchmarks --write docs      here again: the docs' tables
#
# The machine has Python 3.12, PyTorch 2.11, Triton 3.6 and g++, and no network. What it lacks goes
# along in build/gpu-wheels, some 60 MB. Results are written to FOLDER as they come, and steps.txt in it
# says how each step ended: nothing is lost where the time runs out. STAND_IN=1 tries all of
# it without a GPU: Triton's interpreter, the processor's clock, small sizes. SLOWER=4 makes every
# limit four times as long, PYTHON=… names another Python than python3.
set -u
cd "$(dirname "$0")/.."
WHEELS=build/gpu-wheels
PYTHON=${PYTHON:-python3}
STAND_IN=${STAND_IN:-0}
# To build plogq, and to run its tests.
# Triton 3.6's interpreter takes no NumPy from 2.4 on.
NEEDED="scikit-build-core nanobind cmake ninja numpy<2.4 pytest hypothesis mpmath ml_dtypes"
# Peers, without what they ask for: that is there, or they are left out with a line that says so.
PEERS="liger-kernel cut-cross-entropy"

if [ "${1:-}" = --fetch ]; then
  mkdir -p "$WHEELS"
  take="$PYTHON -m pip download -q -d $WHEELS --only-binary :all: --python-version 3.12 --platform"
  $take manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
    --platform any -c <(grep -v '^numpy' constraints.txt) $NEEDED || exit 1
  for peer in $PEERS; do
    $take any --no-deps "$peer" || echo "$peer: no wheel, it will be left out"
  done
  du -sh "$WHEELS"
  exit 0
fi

OUT=${1:?say a folder for the results, or --fetch}
shift
STEPS=${*:-machine install tests sanitizer benchmarks tune}
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)
VENV=${VENV:-$PWD/build/gpu-venv}

step() { # step NAME SECONDS COMMAND…
  local name=$1 limit=$(($2 * ${SLOWER:-1})) began=$SECONDS code
  shift 2
  echo "== $name (at most $limit s)"
  timeout -k 5 "$limit" "$@" >"$OUT/$name.txt" 2>&1
  code=$?
  [ $code = 124 ] && said="its time was up" || said="ended with $code"
  echo "$name: $said after $((SECONDS - began)) s" | tee -a "$OUT/steps.txt"
  tail -n 3 "$OUT/$name.txt"
}

machine() {
  nvidia-smi
  "$PYTHON" -c "import sys, torch, triton; print(sys.version, torch.__version__, triton.__version__)"
  g++ --version
}

install() {
  "$PYTHON" -m venv --system-site-packages "$VENV" || return 1
  # PyTorch is where this Python has it, which may be an environment of its own.
  "$PYTHON" -c "import pathlib, torch; print(pathlib.Path(torch.__file__).parents[1])" \
    >"$(echo "$VENV"/lib/python3*/site-packages)/beside.pth" || return 1
  local pip="$VENV/bin/python -m pip install -q --no-index --find-links $WHEELS"
  $pip $NEEDED || return 1
  for peer in $PEERS; do $pip --no-deps "$peer" || echo "$peer is left out"; done
  $pip --no-build-isolation --no-deps . && "$VENV/bin/python" -c "import plogq; print(plogq)"
}

# What a warning of another PyTorch says is no failure here.
alone=(-o addopts= -o filterwarnings=default -p no:cacheprovider -v)

tests() {
  if [ "$STAND_IN" = 1 ]; then
    "$VENV/bin/python" -m pytest "${alone[@]}" tests/on_triton/test_chunked.py \
      tests/on_triton/test_short.py
    return
  fi
  # What only a GPU can show first; then what the interpreter has shown, on the GPU.
  "$VENV/bin/python" -m pytest "${alone[@]}" tests/on_triton/test_gpu.py \
    tests/on_triton/test_chunked.py tests/on_triton/test_short.py tests/on_triton/test_linear.py \
    tests/on_triton/test_exactness.py tests/on_triton/test_infinities.py
}

sanitizer() {
  if ! command -v compute-sanitizer; then
    echo "compute-sanitizer is not installed: what is read out of bounds was not looked for"
    return 0
  fi
  compute-sanitizer --tool memcheck --error-exitcode 9 --target-processes all \
    "$VENV/bin/python" -m pytest "${alone[@]}" tests/on_triton/test_chunked.py \
    -k "one_kernel or given_away or captured"
}

benchmarks() {
  local how=(--rounds 5)
  [ "$STAND_IN" = 1 ] && how=(--quick --stand-in --rounds 1)
  "$VENV/bin/python" -m benchmarks gpu "${how[@]}" --keep "$OUT/benchmarks"
}

tune() {
  local how=()
  [ "$STAND_IN" = 1 ] && how=(--stand-in)
  "$VENV/bin/python" -m benchmarks.tune "${how[@]}"
}

if [ "$STAND_IN" = 1 ]; then export TRITON_INTERPRET=1; else export TRITON_INTERPRET=0; fi
export PYTHON VENV OUT WHEELS NEEDED PEERS STAND_IN
declare -A limits=([machine]=30 [install]=150 [tests]=180 [sanitizer]=60 [benchmarks]=300 [tune]=120)
for name in $STEPS; do
  if [ -z "${limits[$name]:-}" ]; then
    echo "there is no step $name; there are ${!limits[*]}" >&2
    exit 2
  fi
  # A limit holds for a process, so each step is one: this file, told to do that one thing.
  step "$name" "${limits[$name]}" bash -c "$(declare -f "$name"); $(declare -p alone); $name"
done
