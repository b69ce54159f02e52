# steps.sh - what quickstart and run-tests share: missing packages, and steps with one line each
#
# Sourced, from the root of the repository, by bash scripts with `set -eu`. Output of a step goes to
# build/logs/NAME.log and is shown only when the step fails.
# shellcheck shell=bash

LOGS=build/logs
mkdir -p "$LOGS"

say() {
    printf '==> %s\n' "$*"
}

# step NAME TEXT COMMAND...: the command's status; when it is not 0, the end of its log is shown.
step() {
    local log="$LOGS/$1.log" status=0
    say "$2"
    shift 2
    "$@" >"$log" 2>&1 </dev/null || status=$?
    if [ "$status" -ne 0 ]; then
        tail -n 40 "$log" >&2
        printf '==> failed; all of it is in %s\n' "$log" >&2
    fi
    return "$status"
}

is_installed() {
    dpkg-query -W -f='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

# need_packages PACKAGE...: installs those that are missing, by apt-get, as root or through sudo.
need_packages() {
    local missing=() package root=()
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        say "no apt-get here, so nothing was checked; needed are what Debian calls: $*"
        return 0
    fi
    for package in "$@"; do
        is_installed "$package" || missing+=("$package")
    done
    [ "${#missing[@]}" -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            printf 'Packages are missing, and there is no sudo here. As root, run\n    %s\nand start again.\n' \
                "apt-get install --no-install-recommends ${missing[*]}" >&2
            return 1
        fi
        sudo -v || return 1 # asks for the password now, where it can be seen
        root=(sudo)
    fi
    root+=(env DEBIAN_FRONTEND=noninteractive apt-get -q)
    step apt-update "looking up packages" "${root[@]}" update || return 1
    step apt-install "installing ${missing[*]}" \
        "${root[@]}" install -y --no-install-recommends "${missing[@]}"
}

# build PRESET: configures and builds it in build/PRESET.
build() {
    step "configure-$1" "configuring build/$1" cmake --preset "$1" || return 1
    step "build-$1" "building build/$1" cmake --build "build/$1" --parallel "$(nproc)"
}

# What it takes to build the programs, without and with the tests.
PROGRAM_PACKAGES=(gcc libc6-dev cmake ninja-build pkg-config libjansson-dev libyaml-dev libxxhash-dev python3)
# shellcheck disable=SC2034 # used by run-tests
TEST_PACKAGES=("${PROGRAM_PACKAGES[@]}" clang clang-format libcriterion-dev graphite-carbon)
