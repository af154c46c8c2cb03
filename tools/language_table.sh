#!/bin/bash
# language_table.sh - the tables of docs/language.md:  tools/language_table.sh loss|positions|recall
#
# Runs `innerloop` on the models lm* and recall* in runs/. Losses are in nats, on 1,280 prompts.
set -eu
names=(lm lm_hybrid_linear lm_hybrid_mesa lm_linear lm_delta lm_gla lm_mesa lm_gated_delta)
mixers=('softmax, softmax' 'softmax, linear' 'softmax, mesa (plain)' 'linear, linear' 'DeltaNet' 'gated linear' \
    "MesaNet's mesa" 'Gated DeltaNet')
recall=(recall recall_hybrid_mesa recall_linear recall_gla recall_delta)

parameters() { innerloop show "runs/$1" | awk '$NF == "all" { print $(NF - 1) }'; }
of() { innerloop eval "runs/$1" --csv "${@:2}" 2>/dev/null | tail -n +2; } # lines k,loss,low,high,wrong,asked

case ${1-} in
loss)
    echo '| recipe | mixers | parameters | loss | band | bits a byte | wrong |'
    echo '|---|---|---|---|---|---|---|'
    for i in "${!names[@]}"; do
        of "${names[i]}" --by mean | awk -F, -v row="| \`${names[i]}\` | ${mixers[i]} | $(parameters "${names[i]}")" \
            '{ printf "%s | %.3f | %.3f to %.3f | %.3f | %.1f %% |\n", row, $2, $3, $4, $2 / log(2), 100 * $5 }'
    done
    ;;
positions)
    echo '| recipe | 1 | 2 | 4 | 8 | 16 | 32 | 64 | 128 |'
    echo '|---|---|---|---|---|---|---|---|---|'
    for name in "${names[@]}"; do
        of "$name" | awk -F, -v row="| \`$name\`" '{ row = row sprintf(" | %.3f", $2) } END { print row " |" }'
    done
    ;;
recall)
    echo '| recipe | parameters | wrong | loss |'
    echo '|---|---|---|---|'
    for name in "${recall[@]}"; do
        of "$name" --by mean | awk -F, -v row="| \`$name\` | $(parameters "$name")" \
            '{ printf "%s | %.3g %% | %.3g |\n", row, 100 * $5, $2 }'
    done
    ;;
*) sed -n '2,4s/^# //p' "$0" >&2; exit 2 ;;
esac
