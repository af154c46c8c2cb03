# fish completion for innerloop: the program says what may stand at the cursor

function __innerloop_complete
    set -l line (commandline -opc) (commandline -ct)
    $line[1] complete -- $line[2..-1] 2>/dev/null
end

complete -c innerloop -a '(__innerloop_complete)'
