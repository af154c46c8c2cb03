#!/bin/bash
# pages.sh - the pages show what the program prints, and name only what there is
. "$(dirname "$0")/lib.sh"

command -v python3 >/dev/null || { skip 'the pages' 'no python3'; exit 0; }
pages() { "$ROOT/tools/pages.py" "$INNERLOOP" "$@"; }
pages >faults
while IFS= read -r line; do not_ok "$line"; done <faults
check 'the pages show what the program prints, and name what there is' test ! -s faults

# what is stale, or was never there, is found out
mkdir -p own/docs own/recipes/claims own/examples own/findings own/tests own/tools own/src/op
cp "$ROOT/tools/pages.py" own/tools
touch own/CONTRIBUTING.md own/src/op/op.h
cp "$ROOT/recipes/quick.yaml" own/recipes
cp "$ROOT/recipes/claims/newton-steps.yaml" own/recipes/claims
page() { cat >own/README.md; }
says() { own/tools/pages.py "$INNERLOOP" >said; [ $? = 1 ] && [ "$(wc -l <said)" = 1 ] && grep -qE "$1" said; }
silent() { own/tools/pages.py "$INNERLOOP" >said && [ ! -s said ]; }
page <<'PAGE'
`src/op/op.h`, `innerloop train quick --resume`, and a command of two lines:

```
$ printf '%s\n' 'loss 0.1234, 3e-15 off' |
>     cat
loss   0.123, 8e-12 off
$ innerloop list tasks | head -n 1 | cut -d ' ' -f 1
name
```
PAGE
check 'digits that are not shown, rounding errors and blanks are no matter' silent
sed -i 's/^loss .*/loss 0.125, 8e-12 off/' own/README.md
check 'a number is' says '^README.md:6: .*0.1234'
check 'and is written anew' bash -c '! own/tools/pages.py "$0" --write >/dev/null && own/tools/pages.py "$0"' "$INNERLOOP"
check 'with the digits that are printed' grep -q '^loss 0.1234, 3e-15 off$' own/README.md
page <<'PAGE'
<!-- from: printf '| a |\n|---|\n| 2 |\n' -->
| a |
|---|
| 1 |
<!-- end -->
<!-- slow -->
```
$ false
this is not run
```
PAGE
check 'a table that a command prints is compared' says '^README.md:2: .*2.* for .*1'
page <<<'`src/op/opp.h` and `src/op/op.h`'
check 'a file that is not there' says '^README.md:1: there is no src/op/opp.h'
page <<<'    innerloop trian quick     trains'
check 'a command that is not there' says '^README.md:1: there is no command .innerloop trian'
page <<<'`innerloop eval runs/quick --agianst ols`'
check 'an option that is not there' says 'innerloop eval. has no option --agianst'
page <<<'`innerloop train quickly`'
check 'a recipe that is not there' says 'innerloop train. knows no quickly'
page </dev/null
printf '#     innerloop reproduce base-claim\nmodel: {}\n' >own/recipes/a.yaml
check 'a claim that is not there, in the comment of a recipe' says '^recipes/a.yaml:1: .*knows no base-claim'
