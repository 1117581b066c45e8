#!/usr/bin/env bash
# Measure on a machine with one NVIDIA GPU and no network:
#
#     bench/gpu/run.sh CARRIED [--python PYTHON] [--server-env VENV] [OPTIONS OF measure.py]
#
# It needs this checkout and CARRIED, the folder that `bench/gpu/run.sh --prepare CARRIED WORKDIR`
# (that is prepare.sh) makes on a machine with network. Two venvs are made from CARRIED/wheels in
# VENVS (CARRIED/venvs), once; a given PYTHON has to have the library's requirements, a given VENV
# the server's. Without wheels or VENV pintower takes the server environment it finds.
# `--device cpu --quick` rehearses it on a CPU, with the targets cpu-fp32 and cpu-int8-static.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
if [ "${1:-}" = --prepare ]; then
    shift
    exec "$root/bench/gpu/prepare.sh" "$@"
fi
if [ $# -lt 1 ] || [ ! -d "$1" ]; then
    sed -n '2,4p' "$0" >&2
    exit 2
fi
carried=$(cd "$1" && pwd)
shift
venvs=${VENVS:-$carried/venvs}
python= server= options=()
while [ $# -gt 0 ]; do
    case $1 in
        --python) python=$2; shift 2 ;;
        --server-env) server=$2; shift 2 ;;
        *) options+=("$1"); shift ;;
    esac
done

# Make VENV once from the wheels of a folder; the rest are pip's arguments, "--" between two runs.
make_venv() {
    local venv=$1 wheels=$2 arguments=()
    shift 2
    [ ! -f "$venv/complete" ] || return 0
    rm -rf "$venv"
    "${PYTHON:-python3}" -m venv "$venv" || return
    for argument in "$@" --; do
        if [ "$argument" != -- ]; then
            arguments+=("$argument")
            continue
        fi
        "$venv/bin/python" -m pip install --quiet --no-index --no-compile \
            --disable-pip-version-check --find-links "$wheels" "${arguments[@]}" || return
        arguments=()
    done
    touch "$venv/complete"
}

if [ -z "$python" ]; then
    make_venv "$venvs/library" "$carried/wheels/library" \
        -r "$root/bench/gpu/requirements-library.txt" pintower
    python=$venvs/library/bin/python
fi
if [ -z "$server" ] && [ -d "$carried/wheels/server" ]; then
    make_venv "$venvs/server" "$carried/wheels/server" \
        -r "$root/triton_models/requirements-local.txt" \
        -r "$root/bench/gpu/requirements-server-cuda.txt" -- \
        --no-deps -r "$carried/wheels/server/nodeps.txt" \
        || echo "The server environment could not be made; its rows will say so." >&2
    server=$venvs/server
fi
[ -z "$server" ] || export PINTOWER_TRITON_ENV=$server
# Nothing is asked of the network, and the checkout's own code runs, whichever Python it is.
# Where JAX is installed, bm25s imports it, and it would take three quarters of the GPU's memory.
export JAX_PLATFORMS=cpu
export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1
export PYTHONPATH=$root/src:$root${PYTHONPATH:+:$PYTHONPATH}
exec "$python" -m bench.gpu.measure "$carried" ${options[@]+"${options[@]}"}
