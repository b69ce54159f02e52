# steps.sh - what quickstart and run-tests share: missing packages, and steps with one line each
#
# Sourced, from the root of the repository, by bash scripts with `set -eu`. Output of a step goes to
# build/logs/NAME.log; its end is shown only when the step fails.
# shellcheck shell=bash

LOGS=build/logs
mkdir -p "$LOGS"

# What it takes to build the programs, without and with the tests.
PROGRAM_PACKAGES=(gcc libc6-dev cmake ninja-build pkg-config libjansson-dev libyaml-dev libxxhash-dev python3)
# shellcheck disable=SC2034 # used by run-tests
TEST_PACKAGES=("${PROGRAM_PACKAGES[@]}" clang clang-format libcriterion-dev make)
# The peers that the tests send to, and the network that they are on.
# shellcheck disable=SC2034
PEER_PACKAGES=(graphite-carbon carbon-c-relay haproxy nginx-light libnginx-mod-stream socat ncat syslog-ng-core
    nodejs ca-certificates iproute2 util-linux)
# Of those, PACKAGE:SERVICE that Debian starts when it installs them.
PACKAGE_SERVICES=(graphite-carbon:carbon-cache carbon-c-relay:carbon-c-relay haproxy:haproxy nginx-light:nginx
    syslog-ng-core:syslog-ng)

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

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Whether as_root can work; sudo asks for its password now, where it can be seen.
can_be_root() {
    [ "$(id -u)" -eq 0 ] || { command -v sudo >/dev/null && sudo -v; }
}

# RUNLEVEL=1 keeps init scripts from starting what is installed; systemd's services are stopped below.
apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -q -o DPkg::Lock::Timeout=120 "$@"
}

# need_packages PACKAGE...: installs those that are missing, by apt-get, as root or through sudo.
need_packages() {
    local missing=() package
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        say "no apt-get here, so nothing was checked; needed are what Debian calls: $*"
        return 0
    fi
    for package in "$@"; do
        is_installed "$package" || missing+=("$package")
    done
    [ "${#missing[@]}" -gt 0 ] || return 0
    if ! can_be_root; then
        printf 'Packages are missing, and installing them needs root or sudo. As root, run\n    %s\n    %s\n%s\n' \
            "apt-get update" "apt-get install --no-install-recommends ${missing[*]}" "and start again." >&2
        return 1
    fi
    # One source of packages that is out of reach need not matter: the installation decides.
    step apt-update "looking up packages" apt_get update || true
    step apt-install "installing ${missing[*]}" apt_get install -y --no-install-recommends "${missing[@]}" ||
        return 1
    rest_services "${missing[@]}"
}

# rest_services PACKAGE...: stops the services of those just installed, now and at each boot. The tests run instances
# of their own.
rest_services() {
    local pair
    [ -d /run/systemd/system ] || return 0
    for pair in "${PACKAGE_SERVICES[@]}"; do
        case " $* " in *" ${pair%%:*} "*) as_root systemctl disable -q --now "${pair##*:}" || true ;; esac
    done
}

# build PRESET: configures and builds it in build/PRESET. The log holds what the compiler says, without progress.
build() {
    step "configure-$1" "configuring build/$1" cmake --preset "$1" || return 1
    step "build-$1" "building build/$1" cmake --build "build/$1" --parallel "$(nproc)" -- --quiet
}
