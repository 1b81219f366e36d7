#!/bin/sh
# Sets mmgraph up in a virtual environment of its own, once, and runs it:
#     sh run.sh demo [option ...]    the main job on the shipped dataset (options of `mmgraph demo`)
#     sh run.sh test [option ...]    the tests (options of pytest)
#     sh run.sh setup                only the environment, with everything that the tests need
#
# It needs Python 3.11 or later with venv, and nothing else. MMGRAPH_VENV says where the environment goes
# (by default .venv beside this file), MMGRAPH_PYTHON which Python makes it.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
venv=${MMGRAPH_VENV:-$root/.venv}
case $venv in /*) ;; *) venv=$PWD/$venv ;; esac
python=$venv/bin/python
# Line 1: "demo" or "test" and a checksum, or "unfinished". Line 2: the place, as an environment cannot move.
stamp=$venv/mmgraph-stamp

say() { printf '%s\n' "$*" >&2; }
fail() {
    say "run.sh: $*"
    exit 2
}

usage() {
    say "usage: sh run.sh demo|test|setup [option ...]"
    exit 2
}

recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

# Sets $base to the first Python that can make an environment; explains itself where there is none.
find_python() {
    lacking=
    set -- python3 python3.13 python3.12 python3.11 python3.14 python
    [ -z "${MMGRAPH_PYTHON:-}" ] || set -- "$MMGRAPH_PYTHON"
    for base do
        if recent "$base"; then
            "$base" -c 'import ensurepip, venv' >/dev/null 2>&1 && return
            lacking="$lacking $base"
        fi
    done
    [ -z "$lacking" ] || fail "the Python found cannot make virtual environments (no ensurepip or venv):$lacking." \
        "On Debian and Ubuntu, install the package python3-venv; or name another Python in MMGRAPH_PYTHON."
    fail "found no Python 3.11 or later among: $*." \
        "Install one, or name it in MMGRAPH_PYTHON."
}

read_stamp() {
    state='' place=$venv
    if [ -f "$stamp" ]; then
        { read -r state && read -r place; } <"$stamp" || state=unfinished
    fi
}

# True for an environment that a finished call made here, and for one that somebody else made and that works.
usable() {
    [ "$state" != unfinished ] && [ "$place" = "$venv" ] && recent "$python" &&
        "$python" -m pip --version >/dev/null 2>&1
}

make_environment() {
    if [ -e "$venv" ]; then
        [ -f "$stamp" ] || [ -f "$venv/pyvenv.cfg" ] || [ -z "$(ls -A "$venv")" ] ||
            fail "$venv is there and is no virtual environment. Move it away, or choose another MMGRAPH_VENV."
        say "The environment in $venv is broken or unfinished; making it anew"
        rm -rf -- "$venv"
    fi
    find_python
    say "Making a virtual environment in $venv with $base"
    mkdir -p -- "$venv"
    mark unfinished
    "$base" -m venv "$venv"
}

# An interrupted call leaves "unfinished" behind, and the next call starts afresh.
mark() { printf '%s\n%s\n' "$1" "$venv" >"$stamp"; }

# What an up-to-date environment is made from.
checksum() {
    { cat "$root/pyproject.toml" "$root/constraints.txt" && printf '%s\n' "$root" && "$python" -VV; } | cksum
}

install() {
    "$python" -m pip install --no-input --disable-pip-version-check -c "$root/constraints.txt" "$@" >&2 </dev/null
}

# Brings the environment to the state $1: "demo" (what mmgraph needs) or "test" (what its tests need too).
set_up() {
    read_stamp
    usable || make_environment
    sum=$(checksum)
    # The tests' environment holds everything that the demo needs, so it serves for both.
    case $state in
        "$1 $sum" | "test $sum")
            "$python" -P -c 'import mmgraph.errors' 2>/dev/null && return
            make_environment
            ;;
    esac
    say "Installing mmgraph and what it needs (some minutes, once)"
    mark unfinished
    extras=
    [ "$1" = demo ] || extras='[test]'
    # The build backend comes first, pinned: with build isolation pip would fetch one of its own choice.
    install hatchling editables
    install --no-build-isolation -e "$root$extras"
    mark "$1 $sum"
}

[ $# -ge 1 ] || usage
command=$1
shift
case $command in
    demo)
        set_up demo
        exec "$venv/bin/mmgraph" demo "$@"
        ;;
    test)
        set_up test
        cd -- "$root"
        # A process a core; more threads than that would wait for each other.
        export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
        # Not `python -m pytest`: that would put this folder, and so datasets/, in front of installed libraries.
        exec "$venv/bin/pytest" -n auto --dist worksteal "$@"
        ;;
    setup) set_up test ;;
    *) usage ;;
esac
