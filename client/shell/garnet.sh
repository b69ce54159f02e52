# shellcheck shell=sh
# garnet.sh - for scripts in POSIX shell: many metrics over one connection, whatever bytes are in names and tags
#
#     . /usr/share/garnet/garnet.sh
#     {
#         garnet_metric users "$(who | wc -l)"
#         df -P -B1 | tail -n +2 | while read -r _ size used free _ mount; do
#             garnet_metric disk.free "$free" --unit B --tag "mount=$mount"
#         done
#     } | garnet emit
#
# garnet_metric NAME VALUE [--tag KEY=VALUE]... [--meta KEY=VALUE]... [--unit U] [--type T] [--time SECONDS] prints a
# metric as a line of JSON. It starts no process, but for control characters, and judges nothing: Garnet says what is
# wrong with a name or a value, `garnet emit` prints that and ends with 1, and all other metrics are accepted. So the
# exit status is right also where garnet_metric runs in a subshell, as in the loop above. For wrong usage it returns 2,
# says so on standard error, and prints a line that Garnet rejects.
#
# For one metric alone `garnet emit NAME VALUE` is simpler. What begins with garnet_ is this file's.

# garnet_quote TEXT: garnet_quoted is the JSON string.
garnet_quote() {
    garnet_rest=$1
    garnet_quoted=
    while :; do
        case $garnet_rest in
        *[\"\\[:cntrl:]]*) ;;
        *) break ;;
        esac
        garnet_plain=${garnet_rest%%[\"\\[:cntrl:]]*}
        garnet_rest=${garnet_rest#"$garnet_plain"}
        garnet_after=${garnet_rest#?}
        garnet_char=${garnet_rest%"$garnet_after"}
        garnet_rest=$garnet_after
        case $garnet_char in
        [\"\\]) garnet_char=\\$garnet_char ;;
        *) garnet_char=$(printf '\\u%04x' "'$garnet_char") ;;
        esac
        garnet_quoted=$garnet_quoted$garnet_plain$garnet_char
    done
    garnet_quoted=\"$garnet_quoted$garnet_rest\"
}

# garnet_number TEXT: garnet_quoted is that, and a string where it could be anything else than one word of JSON.
garnet_number() {
    case $1 in
    '' | *[!abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+-]*) garnet_quote "$1" ;;
    *) garnet_quoted=$1 ;;
    esac
}

garnet_wrong() {
    printf 'garnet_metric: %s\n' "$1" >&2
    printf '%s\n' '{"name":"garnet_metric","value":"was called in a wrong way"}'
    return 2
}

garnet_metric() {
    garnet_tags='' garnet_meta=''
    if [ $# -lt 2 ]; then
        garnet_wrong 'usage: garnet_metric NAME VALUE [--tag KEY=VALUE]... [--unit U] [--type T] [--time SECONDS]'
        return
    fi
    garnet_quote "$1"
    garnet_line="{\"name\":$garnet_quoted"
    garnet_number "$2"
    garnet_line="$garnet_line,\"value\":$garnet_quoted"
    shift 2
    while [ $# -gt 0 ]; do
        case $1 in
        --*=*) garnet_option=${1%%=*} garnet_value=${1#*=} ;;
        *)
            if [ $# -lt 2 ]; then
                garnet_wrong "$1: needs a value, or is no option"
                return
            fi
            garnet_option=$1 garnet_value=$2
            shift
            ;;
        esac
        shift
        case $garnet_option in
        --unit | --type)
            garnet_quote "$garnet_value"
            garnet_line="$garnet_line,\"${garnet_option#--}\":$garnet_quoted"
            ;;
        --time)
            garnet_number "$garnet_value"
            garnet_line="$garnet_line,\"time\":$garnet_quoted"
            ;;
        --tag | --meta)
            case $garnet_value in
            *=*) ;;
            *)
                garnet_wrong "$garnet_option $garnet_value: write it as KEY=VALUE"
                return
                ;;
            esac
            garnet_quote "${garnet_value%%=*}"
            garnet_pair=$garnet_quoted
            garnet_quote "${garnet_value#*=}"
            garnet_pair="$garnet_pair:$garnet_quoted"
            if [ "$garnet_option" = --tag ]; then
                garnet_tags=$garnet_tags,$garnet_pair
            else
                garnet_meta=$garnet_meta,$garnet_pair
            fi
            ;;
        *)
            garnet_wrong "unknown option $garnet_option"
            return
            ;;
        esac
    done
    [ -z "$garnet_tags" ] || garnet_line="$garnet_line,\"tags\":{${garnet_tags#,}}"
    [ -z "$garnet_meta" ] || garnet_line="$garnet_line,\"meta\":{${garnet_meta#,}}"
    printf '%s}\n' "$garnet_line"
}
