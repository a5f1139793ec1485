#!/bin/sh
# Makes the environments that the benchmarks run in, under .bench/ in the repository:
#   peers       $PYTHON (default python3):        aiometer, streamable, aiolimiter, pyrate-limiter, aiofiles, joblib
#   peers-3.12  $PYTHON312 (default python3.12):  pyarallel, which needs Python 3.12 or later
# Without the second one, pyarallel's rows say "not installed". iobound itself is never installed: it is used from src/.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
python312=${PYTHON312:-python3.12}

environment() {
    name=$1 interpreter=$2
    shift 2
    "$interpreter" -m venv --clear ".bench/$name"
    ".bench/$name/bin/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt "$@"
    echo ".bench/$name: $(".bench/$name/bin/python" --version), $*"
}

mkdir -p .bench
echo '*' >.bench/.gitignore
environment peers "$python" 'aiometer>=1,<2' 'streamable>=2,<3' 'aiolimiter>=1,<2' 'pyrate-limiter>=4,<5' \
    'aiofiles>=24' 'joblib>=1.4'
if "$python312" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
    environment peers-3.12 "$python312" 'pyarallel>=0.11,<0.12'
else
    echo "no Python 3.12 as '$python312' (set PYTHON312): pyarallel's rows will say \"not installed\"" >&2
fi
