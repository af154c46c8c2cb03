#!/bin/sh
# headers.sh - every header of src/ stands beside every other, in either order: a name means one thing
set -u
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
ls src/*/*.h | grep -v '\.inc\.h$' | sed 's|^src/\(.*\)|#include "\1"|' >"$here/list"
sort "$here/list" >"$here/forward.c"
sort -r "$here/list" >"$here/backward.c"
for order in forward backward; do
    for real in '' -DIL_DOUBLE; do
        name="all headers, $order ${real:-float}"
        # shellcheck disable=SC2086
        if ${CC:-cc} -fsyntax-only -std=c11 -D_GNU_SOURCE -Wno-psabi $real -Iinclude -Isrc \
            "$here/$order.c"; then
            echo "ok $name"
        else
            echo "not ok $name"
        fi
    done
done
