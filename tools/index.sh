# Sourced by tools/setup and tools/lock, from the root of the repository. Hands pip's own choice of index, proxy and
# certificates on to uv, which does not read pip's configuration: some build machines configure only pip.
# What the user set for uv wins. No index is named in this repository, and none is ever printed: it may hold a password.

# pip of the environment; or, where that was made without one, the pip inside the wheel tools/setup unpacked.
pip() {
    if .venv/bin/python -c 'import pip' 2>/dev/null; then
        .venv/bin/python -m pip "$@"
    else
        set -- "$(echo .cache/pip/usr/share/python-wheels/pip-*.whl)" "$@"
        wheel=$1
        shift
        .venv/bin/python "$wheel/pip" "$@"
    fi
}

# $1: key of pip, $2: variable of uv. pip lets the environment win over the section [install], and that over [global].
hand_on() {
    eval "already=\${$2:-}"
    [ -z "$already" ] || return 0
    for section in :env: install global; do
        value=$(printf '%s\n' "$pip_config" | sed -n "s/^$section\.$1='\(.*\)'\$/\1/p")
        if [ -n "$value" ]; then
            export "$2=$value"
            return 0
        fi
    done
}

pip_config=$(pip config list 2>/dev/null) || pip_config=
if [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ]; then
    hand_on index-url UV_DEFAULT_INDEX
    hand_on extra-index-url UV_INDEX
fi
hand_on trusted-host UV_INSECURE_HOST
hand_on cert SSL_CERT_FILE
hand_on proxy ALL_PROXY
# A system account may have no home to keep a cache in.
if [ -z "${UV_CACHE_DIR:-}" ] && ! mkdir -p "${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/uv" 2>/dev/null; then
    export UV_CACHE_DIR="$PWD/.cache/uv"
fi
# An interpreter is the machine's business: uv must not bring one of its own.
export UV_PYTHON_DOWNLOADS=never
