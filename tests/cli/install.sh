#!/bin/bash
# install.sh - what make install puts down works from anywhere, and a program builds against it
. "$(dirname "$0")/lib.sh"
unset IL_DATA
BUILT=$(dirname "$INNERLOOP")
if [ ! -e "$BUILT/float/libinnerloop.a" ]; then
    skip 'make install' 'the program is not in the folder it was built in'
    exit
fi
P=$WORK/prefix
# the make that runs us has its own flags and jobs
check 'make install' env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL \
    make -s -C "$ROOT" install BUILD="$BUILT" PREFIX="$P"
ln -s "$P/bin/innerloop" linked
mkdir -p own/recipes elsewhere
tiny_recipe >own/recipes/mine.yaml
printf '# my quick\ninherit: mine.yaml\n' >own/recipes/quick.yaml

# from FOLDER PROGRAM... : runs it there
from() { (cd "$1" && shift && "$@"); }
for program in "$P/bin/innerloop" "$WORK/linked"; do
    expect 0 '' from / "$program" list recipes
    check 'the recipes are listed' grep -q '^base_loop ' .stdout
    expect 0 '' from / "$program" show quick
    expect 0 '' from / "$program" build gd
done
expect 0 '' from own "$P/bin/innerloop" list recipes
check 'own recipes stand beside them' test "$(grep -cE '^(mine|base|quick) ' .stdout)" = 3
check 'an own one goes first' grep -q '^quick  *my quick' .stdout
expect 0 '' from own "$P/bin/innerloop" show mine
expect 0 '' from own "$P/bin/innerloop" show base
mv prefix elsewhere/
expect 0 '' from / "$WORK/elsewhere/prefix/bin/innerloop" show quick
rm -r elsewhere/prefix/share
expect 5 'no recipes/quick.yaml.*IL_DATA' from / "$WORK/elsewhere/prefix/bin/innerloop" show quick
mv elsewhere/prefix .

# the program of the README
sed -n '/^```c$/,/^```$/p' "$ROOT/README.md" | grep -v '^```' >example.c
export PKG_CONFIG_PATH=$P/lib/pkgconfig
if command -v pkg-config >/dev/null; then
    check 'the example of the README builds' bash -c 'cc example.c $(pkg-config --cflags --libs innerloop) -o example'
    check 'and says that there is no model' bash -c './example | grep -q "^runs/quick"'
else
    skip 'the example of the README builds' 'no pkg-config'
fi

# A library computes in float or in double, and a program for the other does not link
cat >version.c <<'E2'
#include <innerloop.h>
int main(void) { puts(il_version()); }
E2
link_with() { # link_with LIBRARY FLAG... : version.c by the C and, where there is one, the C++ compiler
    lib=$1
    shift
    pc=$(sed -n 's/^Libs: //p' "$PKG_CONFIG_PATH/$lib.pc" | sed "s|\${libdir}|$P/lib|")
    for compiler in cc c++; do
        command -v $compiler >/dev/null || continue
        for level in -O0 -O3; do
            $compiler $level "$@" -I"$P/include" -o version version.c $pc 2>link.log || return 1
            ./version | grep -q '^[0-9]' || return 1
        done
    done
}
check 'a program in float links to the float library' link_with innerloop
check 'a program in double links to the double library' link_with innerloop-double -DIL_DOUBLE
check 'not one in double to the float library' eval '! link_with innerloop -DIL_DOUBLE'
check 'the missing symbol says why' grep -q il_library_is_float_but_program_has_IL_DOUBLE link.log
check 'not one in float to the double library' eval '! link_with innerloop-double'
check 'the missing symbol says why' grep -q il_library_is_double_but_program_lacks_IL_DOUBLE link.log
check 'pkg-config says what the double library needs' grep -q '^Cflags: .*-DIL_DOUBLE' "$P/lib/pkgconfig/innerloop-double.pc"
