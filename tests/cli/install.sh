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
