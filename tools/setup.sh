#!/bin/sh
# setup.sh - gets what a target needs and is not there:  setup.sh build|check|lint|slow ...
#
# On Debian and its kin by apt-get, as root or through sudo, saying what it installs; elsewhere it
# names what is missing and stops. What we can do without is only named. CC and CPPFLAGS are what the
# build uses.
set -u

packages=
wishes=
want() { # want PACKAGE TEST...: PACKAGE is needed unless the test succeeds
    package=$1
    shift
    "$@" >/dev/null 2>&1 || packages="$packages $package"
}
wish() { # wish PACKAGE TEST...: so it is, but not badly
    package=$1
    shift
    "$@" >/dev/null 2>&1 || wishes="$wishes $package"
}
has() { command -v "$1"; }
header() { # header NAME...: the compiler finds the last, after the others
    for name in "$@"; do echo "#include <$name>"; done | ${CC:-cc} ${CPPFLAGS:-} -E -
}
clang_runtime() { ls "$(clang -print-resource-dir)"/lib/*/libclang_rt.fuzzer*; }

sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
can_install() { has apt-get && { [ -z "$sudo" ] || has sudo; }; }
updated=
apt_install() { # apt_install PACKAGE...
    echo "installing: $*" >&2
    [ -n "$updated" ] || $sudo apt-get update -qq >&2 || return 1
    updated=1
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}
get() { # what is wanted and wished for so far
    if [ -n "$packages" ]; then
        if ! can_install >/dev/null; then
            echo "missing (Debian's names):$packages - install them and run make again" >&2
            exit 1
        fi
        for foreign in arm64 s390x; do
            case $packages in *:$foreign*) $sudo dpkg --add-architecture "$foreign" && updated= ;; esac
        done
        apt_install $packages || exit 1
    fi
    if [ -n "$wishes" ] && ! { can_install >/dev/null && apt_install $wishes; }; then
        echo "note: going on without (Debian's names):$wishes" >&2
    fi
    packages=
    wishes=
}

for what in "$@"; do
    case $what in
    build)
        want gcc has "${CC:-cc}"
        want libc6-dev header stdio.h
        want libyaml-dev header yaml.h
        wish gnuplot-nox has gnuplot
        ;;
    check)
        want libcmocka-dev header stdarg.h stddef.h stdint.h setjmp.h cmocka.h
        want liblapacke-dev header lapacke.h # what the tests compare with
        want clang has clang
        wish python3 has python3 # reads the JSON we write
        wish python3-numpy /usr/bin/python3 -c 'import numpy' # runs what we build
        wish python3-venv python3 -c 'import venv, ensurepip' # the tests of the Python package
        for mpi in openmpi mpich; do # two implementations of one standard
            wish "lib$mpi-dev" has "mpicc.$mpi"
        done
        wish openmpi-bin has mpirun.openmpi
        wish mpich has mpirun.mpich
        get # clang's libraries come in a package of its version
        major=$(clang -dumpversion | cut -d. -f1)
        want "libclang-rt-$major-dev" clang_runtime
        ;;
    lint)
        want clang has clang
        want clang-format has clang-format
        ;;
    slow)
        # foreign compilers and libraries, to run builds for other processors under emulation
        want qemu-user-static has qemu-aarch64-static
        want gcc-aarch64-linux-gnu has aarch64-linux-gnu-gcc
        want libc6-dev-arm64-cross ls /usr/aarch64-linux-gnu/include/stdio.h
        want libyaml-dev:arm64 ls /usr/lib/aarch64-linux-gnu/libyaml.a
        want gcc-s390x-linux-gnu has s390x-linux-gnu-gcc
        want libc6-dev-s390x-cross ls /usr/s390x-linux-gnu/include/stdio.h
        want libyaml-dev:s390x ls /usr/lib/s390x-linux-gnu/libyaml.a
        want python3-torch /usr/bin/python3 -c 'import torch'
        want python3-numpy /usr/bin/python3 -c 'import numpy'
        # what the pages measure: series of R's packages, and a text
        want r-base-core has Rscript
        for package in tseries forecast; do want "r-cran-$package" Rscript -e "library($package)"; done
        want bible-kjv has bible
        want bible-kjv-text ls /usr/lib/bible.data
        ;;
    esac
done

get
