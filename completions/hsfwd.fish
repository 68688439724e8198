# SPDX-License-Identifier: Apache-2.0
# fish completion for hsfwd. What may follow is asked of the program (src/cli/completion.hpp); of what was typed, and of what it
# answers, nothing is evaluated.

function __hsfwd_complete
    set -l typed (commandline -opc)
    set -l word (string replace -ra '[\\\\\'"]' '' -- (commandline -ct))
    for line in (command hsfwd complete -- $typed[2..] "$word" 2>/dev/null </dev/null)
        switch $line
            case ':files *'
                set -l begin (string replace ':files ' '' -- $line)
                set -l head (string sub -l $begin -- "$word")
                for path in (__fish_complete_path (string sub -s (math $begin + 1) -- "$word"))
                    printf '%s%s\n' "$head" $path
                end
            case :commands
                string match -qr '^[\w./+-]*$' -- "$word"
                and complete -C "$word"
            case '*'
                printf '%s\n' $line
        end
    end
end

complete -c hsfwd -f -a '(__hsfwd_complete)'
