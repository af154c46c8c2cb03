#!/bin/sh
# setup.sh - gets what a target needs and is not there:  setup.sh build|check|lint|slow ...
#
# On Debian and its kin by apt-get, as root or through sudo, saying what it installs; elsewhere it
# names what is missing and stops.
set -u

packages=
want() { # want PACKAGE TEST...
    package=$1
    shift
    "$@" >/dev/null 2>&1 || packages="$packages $package"
}
has() { command -v "$1"; }
header() { echo "#include <$1>" | ${CC:-cc} -E - ; }

for what in "$@"; do
    case $what in
    build)
        want gcc has "${CC:-cc}"
        want libc6-dev header stdio.h
        want libyaml-dev header yaml.h
        want libjansson-dev header jansson.h
        want liblapacke-dev header lapacke.h
        want gnuplot-nox has gnuplot
        ;;
    check)
        want libcmocka-dev sh -c "printf '#include <stdarg.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <setjmp.h>\n#include <cmocka.h>\n' | ${CC:-cc} -E -"
        want clang has clang
        want libclang-rt-14-dev sh -c 'ls /usr/lib/llvm-*/lib/clang/*/lib/*/libclang_rt.fuzzer-*.a'
        ;;
    lint)
        want clang has clang
        want clang-format has clang-format
        ;;
    slow)
        # a foreign architecture's libraries, to run an aarch64 build under emulation
        want gcc-aarch64-linux-gnu has aarch64-linux-gnu-gcc
        want qemu-user-static has qemu-aarch64-static
        for package in libyaml-dev libjansson-dev liblapacke-dev; do
            want "$package:arm64" sh -c "ls /usr/lib/aarch64-linux-gnu/${package%-dev}.so"
        done
        want python3-torch /usr/bin/python3 -c 'import torch'
        want python3-numpy /usr/bin/python3 -c 'import numpy'
        ;;
    esac
done

[ -z "$packages" ] && exit 0
if ! command -v apt-get >/dev/null; then
    echo "missing (Debian's names):$packages - install them and run make again" >&2
    exit 1
fi
sudo=
if [ "$(id -u)" != 0 ]; then
    sudo=sudo
    command -v sudo >/dev/null || {
        echo "missing:$packages - install them as root: apt-get install$packages" >&2
        exit 1
    }
fi
echo "installing:$packages" >&2
export DEBIAN_FRONTEND=noninteractive
case $packages in *:arm64*) $sudo dpkg --add-architecture arm64 ;; esac
$sudo apt-get update -qq >&2 && $sudo apt-get install -y -qq --no-install-recommends $packages >&2
