# SPDX-License-Identifier: Apache-2.0
# bash completion for hsfwd. What may follow is asked of the program (src/cli/completion.hpp); of what was typed, and of what it
# answers, nothing is evaluated. Needs bash 4.3, and nothing else.

# The words up to the cursor, in _hsfwd_words: bash splits them at characters such as : and =, too. The last piece is _hsfwd_piece.
_hsfwd_split() {
  local rest=${COMP_LINE:0:COMP_POINT} piece i
  _hsfwd_words=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    piece=${COMP_WORDS[i]}
    if ((i == 0)) || [[ $rest == [[:space:]]* ]]; then
      rest=${rest#"${rest%%[![:space:]]*}"}
      _hsfwd_words+=('')
    fi
    [[ $rest == "$piece"* ]] || piece=$rest
    _hsfwd_words[-1]+=$piece
    rest=${rest#"$piece"}
  done
  _hsfwd_piece=$piece
}

# Files that begin so, with a zero byte behind each. Not compgen, which would expand what it is given.
_hsfwd_files() {
  local path=$1 home=''
  shopt -u failglob
  set +f
  [[ $path == \~/* ]] && home=$HOME path=${path:1}
  for path in "$home$path"*; do
    [[ -e $path || -L $path ]] && printf '%s\0' "${home:+~}${path#"$home"}"
  done
}

_hsfwd() {
  local -a _hsfwd_words typed words=() about=()
  local _hsfwd_piece marks='["'\''\\]' files='' word quoted text kept path i
  COMPREPLY=()
  _hsfwd_split
  typed=("${_hsfwd_words[@]//$marks/}")
  # What stands in the word ahead of what readline replaces, which it gives as $2.
  kept=${_hsfwd_words[-1]}
  [[ $kept == *"$2" ]] && kept=${kept%"$2"} || kept=${kept%"$_hsfwd_piece"}
  kept=${kept//$marks/}

  while IFS=$'\t' read -r word text; do
    case $word in
      ':files '*)
        files=${word#:files }
        while IFS= read -r -d '' path; do
          word=${typed[-1]:0:files}$path
          # What stands ahead of it is no part of a file's name, such as @, so that readline would not know a folder.
          [[ ${#kept} -lt $files && -d ${path/#\~/$HOME} ]] && word+=/ && compopt -o nospace 2>/dev/null
          words+=("$word")
        done < <(_hsfwd_files "${typed[-1]:files}" 2>/dev/null)
        ;;
      :commands)
        while IFS= read -r word; do words+=("$word"); done < <(compgen -c -- "${typed[-1]}" 2>/dev/null | sort -u)
        ;;
      ?*) words+=("$word") about+=("$text") ;;
    esac
  done < <(command hsfwd complete -- "${typed[@]:1}" 2>/dev/null </dev/null)

  if [[ $files && ${#kept} -ge $files ]]; then
    # readline quotes them, and knows folders.
    compopt -o filenames 2>/dev/null
    COMPREPLY=("${words[@]#"$kept"}")
    return
  fi
  for i in "${!words[@]}"; do
    word=${words[i]#"$kept"}
    text=${about[i]}
    printf -v quoted %q "$word"
    # Inside of quotes it would mean something else.
    [[ $quoted != "$word" && $_hsfwd_piece == [\"\']* ]] && continue
    if ((${#words[@]} == 1)) || [[ ! $text || $COMP_TYPE == @(37|42) ]]; then
      COMPREPLY+=("$quoted")
    # A list to read, of which readline inserts what all have in common.
    else
      COMPREPLY+=("$quoted  ($text)")
    fi
  done
}

complete -F _hsfwd hsfwd
