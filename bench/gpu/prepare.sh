#!/usr/bin/env bash
# Prepare, on a machine with network, what the GPU machine needs:
#
#     bench/gpu/prepare.sh CARRIED WORKDIR [TARGET...]
#
# WORKDIR is a finished run's work folder (artifacts/demo). CARRIED gets
#
#     student/             the student, for torch
#     TARGET/              data, export, pins and models, built for each target, graph gates passed
#     wheels/library/      the project's requirements with CUDA torch and onnxruntime-gpu
#     wheels/server/       the server's: Triton, onnxruntime-gpu 1.19.2, CUDA 12, cuDNN 9
#     commit               the checkout's
#
# Variables: PYTHON, of the same version as the GPU machine's (python3); BUILD_PYTHON, with pintower
# (.venv/bin/python); NO_WHEELS=1 builds the targets only, for a machine that has all packages.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
if [ $# -lt 2 ]; then
    sed -n '2,5p' "$0" >&2
    exit 2
fi
mkdir -p "$1"
carried=$(cd "$1" && pwd)
workdir=$(cd "$2" && pwd)
shift 2
targets=("${@:-}")
[ -n "${targets[0]}" ] || targets=(gpu-fp16 gpu-fp32 gpu-tensorrt-fp16)
python=${PYTHON:-python3}
build_python=${BUILD_PYTHON:-$root/.venv/bin/python}

git -C "$root" rev-parse HEAD > "$carried/commit" || rm -f "$carried/commit"
rm -rf "$carried/student"
cp -R "$workdir/student" "$carried/student"
for target in "${targets[@]}"; do
    "$build_python" -c "from pintower.cli import main; main()" build "$carried/student" --dataset "$workdir/data" \
        --target "$target" --out "$carried/$target" --no-served-gates
done

[ -z "${NO_WHEELS:-}" ] || exit 0
wheels=$carried/wheels
mkdir -p "$wheels/library" "$wheels/server"
requirements=$root/triton_models
"$python" -m pip wheel -w "$wheels/library" -c "$root/constraints.txt" \
    -r "$root/bench/gpu/requirements-library.txt" "$root"
"$python" -m pip download --only-binary=:all: -d "$wheels/server" \
    -r "$requirements/requirements-local.txt" -r "$root/bench/gpu/requirements-server-cuda.txt"
sed -n 's/^onnxruntime = "\(.*\)"/onnxruntime-gpu==\1/p' "$root/export/triton/24.10.toml" \
    | cat "$requirements/requirements-local-nodeps.txt" - > "$wheels/server/nodeps.txt"
"$python" -m pip download --only-binary=:all: --no-deps -d "$wheels/server" \
    -r "$wheels/server/nodeps.txt"
du -sh "$carried"/*
