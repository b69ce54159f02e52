#!/bin/sh
# check.sh HERE INCLUDE GARNET LATER COMPILER... - the header keeps its layout, and a plugin built from the frozen 1.0
# header, by each compiler, as C or as C++ as that compiler's name says, loads and gives its exact bytes: in this host, and
# in LATER, whose structs have grown.
set -u
here=$1 include=$2 garnet=$3 later=$4
shift 4
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
failed=0 built=0

fail() {
    echo "$*"
    failed=1
}

(cd "$here" && sha256sum --check --quiet plugin-1.0.sha256) || fail "plugin-1.0.h was edited: it is frozen"

for h in "$here/plugin-1.0.h" "$include/garnet/plugin.h"; do
    "$1" -Wall -Wextra "-DHEADER=\"$h\"" -o "$dir/layout" "$here/layout.c" && "$dir/layout" >>"$dir/layouts" || fail "$h"
done
if [ "$(sort "$dir/layouts" | uniq -u | wc -l)" -ne 0 ] || [ "$(wc -l <"$dir/layouts")" -lt 200 ]; then
    fail "the layouts differ:"
    sort "$dir/layouts" | uniq -u
fi

for cc in "$@"; do
    case $cc in
    "" | *-NOTFOUND) continue ;;
    *++) language="-x c++ -std=c++20" ;;
    *) language="-x c -std=c11" ;;
    esac
    # shellcheck disable=SC2086 # words
    "$cc" $language -O2 -Wall -Wextra -Werror -fPIC -fvisibility=hidden -shared -Wl,-z,defs \
        -o "$dir/frozen.so" "$here/frozen.c" || fail "$cc cannot build it"
    for host in "$garnet" "$later"; do
        "$host" plugin test "$dir/frozen.so" -o text=t --golden "$here/frozen-golden" >"$dir/out" 2>&1 || {
            fail "built by $cc, in $host:"
            cat "$dir/out"
        }
    done
    built=$((built + 1))
done
echo "built by $built compilers"
[ "$built" -ge 2 ] || fail "too few compilers: $*"
exit $failed
