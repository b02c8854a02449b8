# SPDX-License-Identifier: GPL-2.0-or-later
#
# For the tests of scripts: a folder of fake commands, and checks. Sourced.

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fakes=$work/fakes
store=$work/store
mkdir -p "$fakes" "$store"
failures=0

# fake NAME: a command, its script on standard input.
fake() {
    { echo '#!/bin/sh'; cat; } >"$fakes/$1"
    chmod 755 "$fakes/$1"
}

# install_script FROM TO: a copy that finds the fakes first.
install_script() {
    sed "s|^PATH=.*|PATH=$fakes:/usr/bin:/bin|" "$1" >"$2"
    chmod 755 "$2"
}

# check WHAT COMMAND...
check() {
    local what=$1
    shift
    if "$@"; then
        echo "ok: $what"
    else
        echo "FAILED: $what" >&2
        failures=$((failures + 1))
    fi
}

# run COMMAND...: its exit status is in status, its output in $work/out.
run() {
    "$@" >"$work/out" 2>&1
    status=$?
}

ends_with() {
    [ "$status" = "$1" ] || { cat "$work/out" >&2; return 1; }
}

says() {
    grep -q -e "$1" "$work/out" || { cat "$work/out" >&2; return 1; }
}

# xenstore in files.
fake xenstore-exists <<END
[ -e "$store\$1" ]
END
fake xenstore-read <<END
cat "$store\$1"
END
fake xenstore-rm <<END
rm "$store\$1"
END
fake xenstore-write <<END
mkdir -p "\$(dirname "$store\$1")"
printf %s "\$2" >"$store\$1"
END
fake logger <<END
echo "\$*" >>"$work/log"
END
