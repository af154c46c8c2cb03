#!/bin/bash
# reference.sh - docs/reference.md, the manual page and the completions of shells
. "$(dirname "$0")/lib.sh"

il help --markdown >reference.md
check 'docs/reference.md is what the program writes (else: make reference)' \
    cmp reference.md "$ROOT/docs/reference.md"
expect 2 'either a command, --markdown or --man' il help train --man

# the manual page: whole, and without a warning of roff
il help --man >innerloop.1
il list commands | tail -n +2 | while read -r command _; do
    grep -q "^\.SS innerloop $command" innerloop.1 || echo "$command"
done >missing
check 'every command is in the manual page' test ! -s missing
if command -v groff >/dev/null; then
    groff -ww -z -man innerloop.1 >roff.log 2>&1
    check 'roff has no warning' test ! -s roff.log
else
    skip 'roff has no warning' 'no groff'
fi
if command -v mandoc >/dev/null; then
    check 'mandoc has no warning' mandoc -Tlint -Wwarning innerloop.1
else
    skip 'mandoc has no warning' 'no mandoc'
fi

# what the shells ask: WORDS... , of which the last is typed
gives() {
    local want=$1
    shift
    check "complete $*: $want" test "$(il complete -- "$@" | sort | paste -sd' ')" = "$want"
}
gives train tr
gives '--resume' train quick --r
gives '--seed --shift' eval m --s
gives 'loops mean points' eval m --by ''
gives '--by=loops' eval m --by=l
gives 'ridge,gd ridge,gdpp' eval m --against ridge,gd
gives 'model.n_layer=' train quick model.n_l
gives 'model.norm=layernorm' train quick model.norm=l
gives 'layers-newton' reproduce layers
gives 'dims=' build newton dim
gives '' show m ''
gives '' nothing of this
il complete -- '' >words
il list commands | tail -n +2 | cut -d' ' -f1 >commands
check 'complete: every command' cmp words commands
il complete -- train '' >words
il list recipes | tail -n +2 | cut -d' ' -f1 >recipes
check 'complete: every recipe' cmp words recipes

# bash, as it asks at a tab
bash_gives() { # bash_gives 'REPLIES' WORD... : words as bash cuts them
    local want=$1
    shift
    check "bash: $*" test "$(bash -c '. "$1"; innerloop=$2; shift 2
        COMP_WORDS=("$innerloop" "$@"); COMP_CWORD=$#
        _innerloop "$innerloop" "${COMP_WORDS[COMP_CWORD]}"
        echo "${COMPREPLY[*]}"' bash "$ROOT/tools/completion/innerloop.bash" "$INNERLOOP" "$@")" = "$want"
}
check 'bash reads its completion' bash -n "$ROOT/tools/completion/innerloop.bash"
bash_gives explain expl
bash_gives --resume train quick --res
bash_gives 'points loops mean' eval m --by ''
bash_gives 'points loops mean' eval m --by = ''
bash_gives 'loops' eval m --by = l
bash_gives 'layernorm' train quick model.norm = la
bash_gives 'model.n_embd=' train quick model.n_em
for shell in zsh fish; do
    file=$ROOT/tools/completion/$([ $shell = zsh ] && echo _innerloop || echo innerloop.fish)
    if command -v $shell >/dev/null; then
        check "$shell reads its completion" $shell -n "$file"
    else
        skip "$shell reads its completion" "no $shell"
    fi
done
