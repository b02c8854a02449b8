# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion of xl: commands, options and their values, domains, targets.
#
# Everything comes from what xl prints, so that it does not have to be repeated
# here, and so that the stock xl's commands are completed, too.

# Sets $quote to the quote that the word to be completed begins with, if any,
# and $cur to what the word stands for.
_xen_precopy_unquote() {
    local word=${COMP_WORDS[COMP_CWORD]} rest

    if [[ $word == [\'\"]* ]]; then
        quote=${word:0:1}
        cur=${word:1}
    fi
    [[ $quote != \' ]] || return 0
    rest=$cur
    cur=
    while [[ $rest == *\\* ]]; do
        cur+=${rest%%\\*}
        rest=${rest#*\\}
        cur+=${rest:0:1}
        rest=${rest:1}
    done
    cur+=$rest
}

# Adds the lines of standard input that begin with $cur, quoted as the user has
# begun. They are never expanded by the shell: names of guests may contain
# anything.
_xen_precopy_reply() {
    local word

    while IFS= read -r word; do
        [[ -n $word && $word == "$cur"* ]] || continue
        case $quote$word in
            -*) ;;
            \'*\'*) continue ;;
            \'*) ;;
            \"*) word=$(sed 's/[\\"$`]/\\&/g' <<<"$word") ;;
            *) printf -v word %q "$word" ;;
        esac
        COMPREPLY+=("$word")
    done
}

_xen_precopy_commands() {
    "$xl" help 2>/dev/null | awk '/^ [^ ]/ { print $1 }'
}

_xen_precopy_domains() {
    # A name may have blanks: the last five columns have none.
    "$xl" list 2>/dev/null | awk 'NR > 1 && NF > 5 && $(NF - 4) != 0' |
        sed 's/\( \{1,\}[^ ]\{1,\}\)\{5\} *$//'
}

# Hosts to which something was migrated, and those that ssh knows.
_xen_precopy_hosts() {
    "$xl" migrate-history 2>/dev/null |
        sed -n 's/^\([^ ][^ ]*\): [0-9]* migrations\{0,1\}$/\1/p'
    awk '!/^[|#@]/ { split($1, names, ","); for (i in names)
            if (names[i] !~ /^\[/) print names[i] }' \
        ~/.ssh/known_hosts /etc/ssh/ssh_known_hosts 2>/dev/null
}

# The options of the command, as "--name=VALUES" or "-n". In the help, each
# begins a line.
_xen_precopy_options() {
    "$xl" help "$command" 2>/dev/null | awk '
        /^ *-/ {
            n = split($0, words, /[ ,]+/)
            for (i = 1; i <= n; i++) {
                if (words[i] ~ /^(-[A-Za-z0-9]|--[a-z].*)$/)
                    print words[i]
                else if (words[i] != "")
                    break
            }
        }'
}

# Whether the option $1 takes the next word as its value: "-C <config>".
_xen_precopy_takes_word() {
    [[ $1 == -[A-Za-z0-9] ]] || return 1
    # grep -q would end early, which pipefail takes for a failure.
    "$xl" help "$command" 2>/dev/null | grep "^ *$1 *<" >/dev/null
}

# Completes the value of the option $1: one of the words that the help lists, or
# a file.
_xen_precopy_value() {
    local values

    values=$(_xen_precopy_options |
        sed -n "s/^$1\\[\\{0,1\\}=\\([^ ]*\\).*/\\1/p" | head -n 1)
    case $values in
        *FILE*) compopt -o default 2>/dev/null ;;
        HOST*)
            _xen_precopy_reply < <(_xen_precopy_hosts | sort -u)
            return
            ;;
        DOMAIN*)
            _xen_precopy_reply < <(_xen_precopy_domains)
            return
            ;;
    esac
    # Words in lower case stand for themselves.
    _xen_precopy_reply < <(tr '|' '\n' <<<"$values" |
        sed 's/\[.*//; s/\]$//' | grep -x '[a-z][a-z0-9-]*')
}

# Completes the $1-th argument that is no option.
_xen_precopy_argument() {
    local usage

    case "$command $words" in
        migrate-report*' --last '*) usage='<Domain>' ;;
        migrate-report*' --history '*) usage='<host>...' ;;
        migrate-report*) usage='<file>' ;;
        *)
            usage=$("$xl" help "$command" 2>/dev/null |
                sed -n '1s/^Usage: *//p')
            ;;
    esac
    # The last one may be repeated.
    usage=$(grep -o '<[A-Za-z][^>]*>\.*' <<<"$usage" | grep -iv option |
        awk -v n="$1" '
            NR <= n { kind = $0 }
            /[.][.][.]$/ { last = $0 }
            END { print (NR >= n ? kind : last) }')
    case $usage in
        '<Domain'* | '<domain'*)
            _xen_precopy_reply < <(_xen_precopy_domains)
            ;;
        '<host>'*)
            _xen_precopy_reply < <(_xen_precopy_hosts | sort -u)
            ;;
        *) compopt -o default 2>/dev/null ;;
    esac
}

_xen_precopy_xl() {
    local xl=$1 cur=$2 command='' words=' ' nr=1 option='' value='' i word
    local quote=''

    COMPREPLY=()
    _xen_precopy_unquote
    # bash splits --option=value at the "=".
    if [[ $cur == = ]]; then
        cur=''
        option=${COMP_WORDS[COMP_CWORD - 1]}
    elif [[ ${COMP_WORDS[COMP_CWORD - 1]} == = && $COMP_CWORD -gt 1 ]]; then
        option=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
            -*)
                words+="$word "
                if [[ -n $command ]] && _xen_precopy_takes_word "$word"; then
                    ((++i == COMP_CWORD)) && value=1
                fi
                ;;
            =) ((i++)) ;;
            *)
                if [[ -z $command ]]; then
                    command=$word
                else
                    ((nr++))
                fi
                ;;
        esac
    done
    if [[ -z $command ]]; then
        _xen_precopy_reply < <(_xen_precopy_commands; echo help)
    elif [[ $command == help ]]; then
        _xen_precopy_reply < <(_xen_precopy_commands)
    elif [[ -n $value ]]; then
        # The value of an option such as -C.
        compopt -o default 2>/dev/null
    elif [[ $option == --* ]]; then
        _xen_precopy_value "$option"
    elif [[ $cur == -* ]]; then
        # "--plot[=ascii|FILE]" may go without a value, "--report=FILE" not.
        _xen_precopy_reply < <(_xen_precopy_options |
            sed 's/\[=.*//; s/=.*/=/')
        [[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace 2>/dev/null
    else
        _xen_precopy_argument "$nr"
    fi
}

complete -F _xen_precopy_xl xl xl-precopy
complete -W 'enable disable status' xen-precopy
