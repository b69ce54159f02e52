#!/bin/sh
# header.sh INCLUDE CC CXX - the public header compiles without a warning as C11, C++17 and C++20, and a field
# of the wrong type is an error in each.
set -u
include=$1 cc=$2 cxx=${3:-}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
failed=0

cat >"$dir/plugin.c" <<'END'
#include <garnet/plugin.h>
struct conf { const char *s; double d; int64_t i; garnet_list l; garnet_map m; };
static const garnet_option options[] = {
    {GARNET_STRING, 0, "s", "x", nil, nil, nil, "h", GARNET_FIELD_STR(CONF, FIELD_S)},
    {GARNET_REAL, 0, "d", "1", nil, nil, nil, "h", GARNET_FIELD_REAL(CONF, FIELD_D)},
    {GARNET_INT, 0, "i", "1", nil, nil, nil, "h", GARNET_FIELD_INT(CONF, FIELD_I)},
    {GARNET_LIST, 0, "l", nil, nil, nil, nil, "h", GARNET_FIELD_LIST(CONF, FIELD_L)},
    {GARNET_MAP, 0, "m", nil, nil, nil, nil, "h", GARNET_FIELD_MAP(CONF, FIELD_M)},
};
static int format(garnet *g, const garnet_metric *m)
{
    g->host->putf(g, "%s\n", m->name.s);
    return GARNET_OK;
}
GARNET_PLUGIN(.name = "t", .version = "1", .about = "a", GARNET_OPTIONS(options),
              .conf_size = sizeof(struct conf), .format = format);
END
cp "$dir/plugin.c" "$dir/plugin.cc"

# compile NAME STANDARD COMPILER FILE SWAP: SWAP gives one field another type
compile() {
    "$3" "-std=$2" -I"$include" -Wall -Wextra -Wpedantic -Werror -fPIC -c "$dir/$4" -o "$dir/$1.o" \
        "-Dnil=0" "-DCONF=struct conf" -DFIELD_S=s -DFIELD_D=d -DFIELD_I=i -DFIELD_L=l -DFIELD_M=m \
        $5 >"$dir/$1.out" 2>&1
}

for case in c11:"$cc":plugin.c c++17:"$cxx":plugin.cc c++20:"$cxx":plugin.cc; do
    std=${case%%:*} rest=${case#*:}
    compiler=${rest%:*} file=${rest##*:}
    [ -n "$compiler" ] || continue
    if ! compile good "$std" "$compiler" "$file" ""; then
        echo "$compiler -std=$std: the header does not compile cleanly"; cat "$dir/good.out"; failed=1
    fi
    for swap in S=i D=i I=d I=l L=m M=l; do
        if compile bad "$std" "$compiler" "$file" "-UFIELD_${swap%=*} -DFIELD_$swap"; then
            echo "$compiler -std=$std: a field of the wrong type ($swap) compiles"; failed=1
        elif ! grep -q 'needs a field of another type' "$dir/bad.out"; then
            echo "$compiler -std=$std: $swap fails, but for another reason"; cat "$dir/bad.out"; failed=1
        fi
    done
done
exit $failed
