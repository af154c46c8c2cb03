# bash completion for innerloop: the program says what may stand at the cursor

_innerloop() {
    local line=() word last=-1 i head
    # bash cuts words at = and :, which are put together again
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((last >= 0)) && [[ $word == [=:] || ${COMP_WORDS[i - 1]} == [=:] ]]; then
            line[last]+=$word
        else
            line[++last]=$word
        fi
    done
    head=${line[last]%"${line[last]##*[=:]}"} # stands already, for bash
    COMPREPLY=()
    while IFS= read -r word; do
        COMPREPLY+=("${word#"$head"}")
        [[ $word == *= ]] && compopt -o nospace 2>/dev/null
    done < <("$1" complete -- "${line[@]}" 2>/dev/null)
}

complete -o default -F _innerloop innerloop
