#!/bin/sh
# layers.sh - a folder may include itself and the folders to its left; cli only the public headers; and no two files
# call each other: of what is built in $BUILD (build), the calls of functions between files have no circle.
# A list of rows (ops.def and its kin) names data, so that a row may call what its registry defines.
set -u
order='base la report op task optimizer model algo construct evaluate predict forecast train bench observe explain measure claim'
status=0
seen=
for layer in $order; do
    seen="$seen $layer"
    [ -d "src/$layer" ] || continue
    for file in src/"$layer"/*.[ch]; do
        for used in $(sed -n 's|^#include "\([a-z]*\)/.*|\1|p' "$file" | sort -u); do
            case " $seen " in
            *" $used "*) ;;
            *)
                echo "$file includes $used/, which is not to the left of $layer/" >&2
                status=1
                ;;
            esac
        done
    done
done
for file in cli/*.[ch]; do
    if sed -n 's|^#include "\(.*\)"|\1|p' "$file" | grep -qv '^innerloop_lab.h$\|^cli.h$\|^commands.def$'; then
        echo "$file includes more than innerloop_lab.h" >&2
        status=1
    fi
done

build=${BUILD:-build}/float
calls=$(mktemp)
for source in src/*/*.c cli/*.c; do
    [ -e "$build/${source%.c}.o" ] && nm -P -g "$build/${source%.c}.o" | sed "s|^|$source |"
done | awk '$3 == "T" { defines[$2] = $1 }
    $3 == "U" { uses[n++] = $1 " " $2 }
    END {
        for (i = 0; i < n; i++) {
            split(uses[i], use, " ")
            if (use[2] in defines) print use[1], defines[use[2]]
        }
    }' >"$calls"
if ! [ -s "$calls" ]; then
    echo "there is nothing in $build to look for circles in: make all first" >&2
    status=1
elif ! circle=$(tsort "$calls" 2>&1 >/dev/null) || [ -n "$circle" ]; then
    echo "files that call each other in a circle:" >&2
    echo "$circle" | grep -v loop | sed 's/^tsort://' >&2
    status=1
fi
rm -f "$calls"
exit $status
