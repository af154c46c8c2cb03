#!/bin/bash
# library.sh - the shared libraries show what the headers declare, and nothing else; no name of the static
# ones can collide with a program's own
. "$(dirname "$0")/lib.sh"
BUILT=$(dirname "$INNERLOOP")
set -- "$BUILT"/float/libinnerloop.so.*
if [ ! -e "$1" ] || ! command -v nm cc >/dev/null; then
    skip 'the symbols of the shared library' 'there is none beside the program, or no nm'
    exit
fi

# What a header declares: the names that follow its mark, as a compiler with these flags reads it
declared() { # declared FLAG...
    cc -E -P "$@" -DIL_API=SHOWN -I"$ROOT/include" -x c "$ROOT/include/innerloop_lab.h" |
        tr '\n' ' ' | sed 's/SHOWN/\n&/g' | sed -n 's/^SHOWN[^;(]*\b\(il_[a-z0-9_A-Z]*\) *[(;].*/\1/p' | sort
}
shown() { nm -D --defined-only "$1" | awk '{print $NF}' | sort; }

for variant in float double; do
    flag=$([ $variant = double ] && echo -DIL_DOUBLE)
    library=$(echo "$BUILT/$variant"/libinnerloop*.so.*)
    declared $flag >declared
    shown "$library" >shown
    check "the $variant headers declare functions" test "$(wc -l <declared)" -gt 100
    check "the $variant library shows what they declare, and no more" diff declared shown
    check 'its soname holds the version of the interface' eval \
        'readelf -d "$library" | grep -q "SONAME.*libinnerloop.*\.so\.[0-9]*\]"'
done

# a function that the headers declare without the mark would be hidden; a type of functions or a pointer to one is no function
cc -E -P -I"$ROOT/include" -x c "$ROOT/include/innerloop_lab.h" -DIL_API= |
    grep -v -e '^typedef [^{;]*(' -e '(\*' |
    grep -o '\bil_[a-z0-9_]* *(' | tr -d ' (' | sort -u >functions
declared | grep -v '^il_library_is' | sort -u >declared
check 'every function that a header declares is marked' diff functions declared

nm -g --defined-only "$BUILT"/float/libinnerloop.a "$BUILT"/double/libinnerloop.a |
    awk 'NF == 3 {print $3}' | grep -v '^il_' >foreign
check 'every name of the static libraries begins with il_' test ! -s foreign
