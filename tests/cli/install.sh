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
for file in man/man1/innerloop.1 bash-completion/completions/innerloop zsh/site-functions/_innerloop \
    fish/vendor_completions.d/innerloop.fish; do
    check "share/$file" test -s "$P/share/$file"
done
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
    expect 0 '' from / "$program" eval quick --prompts 8
    expect 5 "no model 'quik'.*did you mean 'quick'" from / "$program" explain quik
    expect 0 '' from / "$program" list trained
    check 'the models that come along are listed' grep -q '^quick  *[0-9a-f]\{16\}  *linear_regression ' .stdout
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
export PKG_CONFIG_PATH=$P/lib/pkgconfig LD_LIBRARY_PATH=$P/lib
if command -v pkg-config >/dev/null; then
    check 'the example of the README builds' bash -c 'cc example.c $(pkg-config --cflags --libs innerloop) -o example'
    check 'and says that there is no model' bash -c './example | grep -q "^runs/quick"'
else
    skip 'the example of the README builds' 'no pkg-config'
fi

# A program in C and in C++, by the shared library and by the static one, in float and in double; a library
# computes in one of them, and a program for the other does not link.
cat >train.c <<'E2'
#include <innerloop_lab.h>
#include <stdio.h>
int main(void)
{
    il_model *model;
    il_error err;
    il_table *table;
    if (il_list(&table, "algos", &err) || il_build(&model, "newton dims=2 loops=2", &err)) return 1;
    printf("%s %d %d\n", il_version(), il_table_rows(table) > 3, (int)sizeof(il_real));
    il_model_free(model);
    il_table_free(table);
    return 0;
}
E2
pc() { sed -n "s/^$2: //p" "$P/lib/pkgconfig/$1.pc" | sed "s|\${libdir}|$P/lib|"; }
link_with() { # link_with KIND LIBRARY FLAG... : train.c by the C and, where there is one, the C++ compiler
    local kind=$1 lib=$2 libs compiler level
    shift 2
    libs=$(pc "$lib" Libs)
    [ "$kind" = shared ] || libs="$P/lib/lib$lib.a $(pc "$lib" Libs.private)"
    for compiler in cc c++; do
        command -v $compiler >/dev/null || continue
        for level in -O0 -O3; do
            $compiler $level "$@" -Wall -Werror -I"$P/include" -o program train.c $libs 2>link.log || return 1
            ./program >program.out || return 1
        done
    done
}
for kind in shared static; do
    check "a program in float links to the $kind library" link_with $kind innerloop
    check 'and runs' grep -q '^[0-9.]* 1 4$' program.out
    check "a program in double links to the $kind library" link_with $kind innerloop-double -DIL_DOUBLE
    check 'and runs' grep -q '^[0-9.]* 1 8$' program.out
    check "not one in double to the $kind float library" eval '! link_with $kind innerloop -DIL_DOUBLE'
    check 'the missing symbol says why' grep -q il_library_is_float_but_program_has_IL_DOUBLE link.log
    check "not one in float to the $kind double library" eval '! link_with $kind innerloop-double'
    check 'the missing symbol says why' grep -q il_library_is_double_but_program_lacks_IL_DOUBLE link.log
done
link_with shared innerloop
check 'the shared library is what it was linked to' eval 'readelf -d program | grep -q "NEEDED.*libinnerloop\.so\.[0-9]*\]"'
check 'pkg-config says what the double library needs' grep -q '^Cflags: .*-DIL_DOUBLE' "$P/lib/pkgconfig/innerloop-double.pc"

# the same by CMake, from the folder that the installed one was moved to
if command -v cmake >/dev/null; then
    mkdir -p cmake/source && cp train.c cmake/source/
    cat >cmake/source/CMakeLists.txt <<'E2'
cmake_minimum_required(VERSION 3.13)
project(train C)
find_package(innerloop ${WANTED} REQUIRED)
foreach(name innerloop innerloop-double innerloop-static innerloop-double-static)
    add_executable(with-${name} train.c)
    target_link_libraries(with-${name} PRIVATE innerloop::${name})
endforeach()
E2
    mv prefix moved
    asks_for() { # asks_for VERSION : configures for it
        cmake -S cmake/source -B "cmake/$1" -DWANTED="$1" -DCMAKE_PREFIX_PATH="$WORK/moved" >cmake.log 2>&1
    }
    check 'CMake finds this version' asks_for "$("$INNERLOOP" --version | grep -oE '[0-9.]+[0-9]' | head -1)"
    check 'and one with the same interface' asks_for 0.1
    check 'not another' eval '! asks_for 0.2 && ! asks_for 1 && grep -q "Could not find.*innerloop" cmake.log'
    check 'programs of all four libraries are built' cmake --build cmake/0.1
    check 'and run' eval '[ "$(for p in cmake/0.1/with-innerloop*; do $p; done | cut -d" " -f2,3 | sort | tr "\n" ,)" = "1 4,1 4,1 8,1 8," ]'
    mv moved prefix
else
    skip 'CMake finds this version' 'no cmake'
fi

# another language, by the shared library alone
if command -v python3 >/dev/null; then
    check 'Python calls it' python3 -c "
import ctypes, sys
lib = ctypes.CDLL('$P/lib/libinnerloop.so')
lib.il_version.restype = ctypes.c_char_p
sys.exit(lib.il_version().decode() not in open('$P/lib/pkgconfig/innerloop.pc').read())"
else
    skip 'Python calls it' 'no python3'
fi

# the program in Python of docs/library.md looks inside a model that the installed program built
if command -v python3 >/dev/null; then
    sed -n '/^```python$/,/^```$/p' "$ROOT/docs/library.md" | grep -v '^```' >look.py
    expect 0 '' "$P/bin/innerloop" build gd -o gd.safetensors
    check 'the program of docs/library.md runs' eval 'python3 look.py gd.safetensors >look.out'
    check 'and shows numbers' grep -q '^\[.*[0-9.]*\]$' look.out
    tiny_recipe >recipe.yaml
    check 'Python trains a recipe that is a text' python3 -c "
import ctypes as c, sys
lib = c.CDLL('libinnerloop.so.0')
lib.il_config_size.restype = c.c_size_t
config, text = c.create_string_buffer(lib.il_config_size()), open('recipe.yaml', 'rb').read()
lib.il_config_init(config)
sys.exit(lib.il_config_parse(config, text, c.c_size_t(len(text)), b'recipe', None) or
         lib.il_train(config, b'trained', 0, None, None, None))"
    check 'and leaves a run' test -e trained/checkpoints/last.safetensors
fi

check 'make uninstall' env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s -C "$ROOT" uninstall BUILD="$BUILT" PREFIX="$P"
check 'leaves nothing' eval '[ -z "$(find "$P" -type f -o -type l)" ]'
