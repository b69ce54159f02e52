# steps.sh - what quickstart and run-tests share: missing packages, and steps with one line each
#
# Sourced, from the root of the repository, by bash scripts with `set -eu`. Output of a step goes to
# build/logs/NAME.log; its end is shown only when the step fails.
# shellcheck shell=bash

LOGS=build/logs
mkdir -p "$LOGS"

# What it takes to build the programs, without and with the tests.
PROGRAM_PACKAGES=(gcc libc6-dev cmake ninja-build pkg-config libjansson-dev libyaml-dev libxxhash-dev
    libmicrohttpd-dev libncurses-dev python3)
# shellcheck disable=SC2034 # used by run-tests
ONE_TEST_PACKAGES=("${PROGRAM_PACKAGES[@]}" libcriterion-dev make)
# shellcheck disable=SC2034 # used by run-tests
TEST_PACKAGES=("${ONE_TEST_PACKAGES[@]}" clang clang-format)
# What the plugins in tests/abi and single collectors are built with: pkg-config's name, and the package.
# shellcheck disable=SC2034
SAMPLE_LIBRARIES=(libcurl=libcurl4-openssl-dev rdkafka=librdkafka-dev libsystemd=libsystemd-dev)
# What the tests' peers and their network take. All of it is installed, so none of it conflicts with another package or
# has a service.
# shellcheck disable=SC2034
PEER_PACKAGES=(socat nodejs perl ca-certificates iproute2 util-linux python3-twisted python3-whisper python3-cachetools python3-configobj
    python3-urllib3 libcap2 libglib2.0-0 libivykis0 libjson-c5 libnet1 libpcre3 libwrap0 liblua5.3-0 libpcap0.8
    libopentracing-c-wrapper0 libpcre2-8-0 libproc2-0 libssl3 libsystemd0
    libatomic1 libicu72 libxml2 libldap-2.5-0 libgssapi-krb5-2 liblz4-1 libzstd1 libpam0g libpq5 tzdata)
# The peers themselves: only unpacked, into build/peers. Installed they would start services at each boot, and one of
# them (syslog-ng) would make apt remove the machine's own rsyslog.
# shellcheck disable=SC2034
UNPACKED_PEERS=(graphite-carbon carbon-c-relay collectd-core haproxy monitoring-plugins-basic monitoring-plugins-common
    munin-common munin-plugins-core nginx libnginx-mod-stream ncat procps prometheus-node-exporter prometheus-process-exporter
    sysstat syslog-ng-core
    redis-server redis-tools libjemalloc2 liblua5.1-0 liblzf1 libhiredis0.14 postgresql-15 postgresql-client-15)

say() {
    printf '==> %s\n' "$*"
}

# beat COMMAND...: says every half a minute what COMMAND prints then, until `kill $beat` or the end of this script.
exec {nothing}<> <(:)
beat() {
    # Not sleep: that would outlive it, with our output open.
    (trap - INT; while ! read -rt 30 -u "$nothing" && kill -0 $$ 2>/dev/null; do say "... $("$@")"; done) &
    beat=$!
}

so_long() {
    printf '%s: %s s so far' "$1" $((SECONDS - $2))
}

# step NAME TEXT COMMAND...: the command's status; when it is not 0, the end of its log is shown.
step() {
    local log="$LOGS/$1.log" status=0 beat
    say "$2"
    beat so_long "${2:0:40}" "$SECONDS"
    shift 2
    "$@" >"$log" 2>&1 </dev/null || status=$?
    kill "$beat" 2>/dev/null || true
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

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120 "$@"
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
    # It fails rather than remove, or bring down, anything of the machine's own.
    step apt-install "installing ${missing[*]}" \
        apt_get install -y --no-install-recommends --no-remove "${missing[@]}"
}

# want_libraries MODULE=PACKAGE...: what pkg-config does not find is installed, if it can be. What cannot be had, for want of root or
# since it conflicts with what is there, costs the tests that use it, which say so.
want_libraries() {
    local pair missing=()
    for pair in "$@"; do
        pkg-config --exists "${pair%=*}" 2>/dev/null || missing+=("${pair#*=}")
    done
    [ "${#missing[@]}" -eq 0 ] || need_packages "${missing[@]}" || say "going on without ${missing[*]}"
}

# unpack PACKAGE: into build/peers, at the version of this Debian; no root, and nothing outside build/ changes.
unpack() (
    rm -rf build/peers/new && mkdir -p build/peers/new && cd build/peers/new &&
        apt-get -q download "$1" && dpkg-deb -x "$1"_*.deb .. && cd .. && rm -rf new &&
        : >".$1" # it is there, and whole
)

# unpack_packages PACKAGE...: those that are not there yet. What cannot be had costs the tests that use it, which say so.
unpack_packages() {
    local package
    command -v apt-get >/dev/null || return 0
    for package in "$@"; do
        [ -e "build/peers/.$package" ] ||
            step "unpack-$package" "unpacking $package into build/peers" unpack "$package" ||
            say "going on without $package"
    done
}

# build PRESET: configures and builds it in build/PRESET. The log holds what the compiler says, without progress.
build() {
    step "configure-$1" "configuring build/$1" cmake --preset "$1" || return 1
    step "build-$1" "building build/$1" cmake --build "build/$1" --parallel "$(nproc)" -- --quiet
}
