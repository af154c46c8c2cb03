#!/bin/sh
# layers.sh - a folder may include itself and the folders to its left; cli only the public headers
set -u
order='base la report op task model algo construct evaluate predict forecast train bench observe explain measure claim'
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
exit $status
