# Sourced by the scripts beside it: makes .venv with what they need, or finds that it is there already.
# Needs Python 3.11 or newer and git, nothing else.

TORCH_CPU_INDEX=https://download.pytorch.org/whl/cpu   # where PyTorch publishes its builds without CUDA
TORCH_CPU_MB=190     # torch 2.13.0, Linux x86-64, CPU build
TORCH_CUDA_MB=3000   # the same with the CUDA libraries it pulls in, roughly
OTHERS_MB=450        # everything else the trainer and the vehicle need, roughly

fail() { printf 'Error: %s\n' "$*" >&2; exit 1; }

find_python() {
    local name
    for name in python3 python3.13 python3.12 python3.11 python3.14; do
        if command -v "$name" >/dev/null && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    return 1
}

make_venv() {
    [ -x .venv/bin/python ] && return
    local python
    python=$(find_python) || fail "Lapwing needs Python 3.11 or newer, and none was found. Install one and run this again."
    echo "Making a virtual environment in .venv ($("$python" --version))"
    "$python" -m venv .venv || { rm -rf .venv; fail "$python cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv"; }
}

torch_requirement() {  # the one place that pins torch is pyproject.toml
    .venv/bin/python -c 'import tomllib
extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]
print(next(item for item in extras["trainer"] if item.startswith("torch==")))'
}

default_torch_is_cuda() {  # would the configured package index give a build that brings CUDA?
    .venv/bin/pip install --dry-run --quiet --ignore-installed --no-deps --report - "$1" 2>/dev/null |
        .venv/bin/python -c 'import json, sys
needs = json.load(sys.stdin)["install"][0]["metadata"].get("requires_dist", [])
sys.exit(not any(name.startswith(("nvidia-", "cuda-")) for name in needs))'
}

install_torch() {  # $1: cpu or cuda
    local requirement
    requirement=$(torch_requirement)
    .venv/bin/python -c 'import importlib.metadata as m, sys
sys.exit(m.version("torch").split("+")[0] != sys.argv[1].split("==")[1])' "$requirement" 2>/dev/null && return
    if [ "$1" = cuda ]; then
        echo "Installing $requirement with CUDA (about $TORCH_CUDA_MB MB to download)"
        .venv/bin/pip install --quiet "$requirement"
    elif default_torch_is_cuda "$requirement"; then
        echo "Installing $requirement for the CPU (about $TORCH_CPU_MB MB to download)"
        .venv/bin/pip install --quiet --index-url "$TORCH_CPU_INDEX" "$requirement"
    else
        echo "Installing $requirement (about $TORCH_CPU_MB MB to download)"
        .venv/bin/pip install --quiet "$requirement"
    fi || fail "torch could not be installed. Check the network and the disk, then run this again."
}

picamera2_requirement() {
    .venv/bin/python -c 'import tomllib
extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]
print(next(item for item in extras["pi"] if item.startswith("picamera2")))'
}

# prepare_picamera2: the real picamera2, for the tests that run it without a Pi. Where it cannot be had, those are skipped.
# One of its requirements is built here, from C, with the header of libcap. Quick when there is nothing to do.
prepare_picamera2() {
    local requirement log=.venv/picamera2.log
    requirement=$(picamera2_requirement)
    .venv/bin/python -c 'import importlib.util as u, sys; sys.exit(u.find_spec("picamera2") is None)' && return
    [ -f "$log" ] && [ "$(head -n 1 "$log")" = "$requirement" ] && [ -z "$(find "$log" -mmin +1440)" ] && {
        echo "picamera2 could not be installed today ($log says why); its tests are skipped. Try again: rm $log"
        return
    }
    echo "Installing $requirement for its tests (about 50 MB to download)"
    echo "$requirement" > "$log"
    if [ ! -e /usr/include/sys/capability.h ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        { apt-get update && apt-get install --yes --no-install-recommends libcap-dev gcc libc6-dev; } >> "$log" 2>&1 || true
    fi
    [ -e /usr/include/sys/capability.h ] || echo "Its header sys/capability.h is not here: apt install libcap-dev" >> "$log"
    if .venv/bin/pip install --quiet --disable-pip-version-check "$requirement" >> "$log" 2>&1; then
        rm "$log"
    else
        echo "picamera2 cannot be installed here, so its tests are skipped. $(tail -n 1 "$log") ($log has the rest)"
    fi
}

# prepare_environment EXTRAS TORCH: e.g. prepare_environment trainer,vehicle cpu. Quick when nothing changed.
prepare_environment() {
    local stamp wanted
    make_venv
    stamp=".venv/lapwing-$(echo "$1" | tr ',' '-')"
    wanted="$(git hash-object pyproject.toml) $2"
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && return
    export PIP_DISABLE_PIP_VERSION_CHECK=1
    install_torch "$2"
    echo "Installing Lapwing with [$1] (about $OTHERS_MB MB to download the first time)"
    .venv/bin/pip install --quiet --editable ".[$1]" ||
        fail "The installation did not finish. Check the network and the disk, then run this again."
    echo "$wanted" > "$stamp"
}
