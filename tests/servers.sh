#!/bin/sh
# Puts the servers that the tests use into DIR/bin.
#
#   tests/servers.sh DIR
#
# A program on PATH is linked. The others come from Debian's packages.
#
# Prometheus 3 and its Pushgateway come from Debian testing: DIR/bin/prometheus-next, promtool-next
# and prometheus-pushgateway-next. So do VictoriaMetrics, which receives OTLP, and docker-compose,
# which checks files and needs no Docker. A headless Chromium is unpacked into DIR-browser. The
# tests of programs that are missing are skipped and state the reason.
set -eu

dir=$1
here=$(dirname "$0")
rm -rf "$dir"
mkdir -p "$(dirname "$dir")"

"$here/browser.sh" "$dir-browser" >"$dir-browser.log" 2>&1 &
browser=$!

found=
packages=
for program in prometheus promtool prometheus-pushgateway redis-server; do
    if path=$(command -v "$program"); then
        found="$found $path"
    elif [ "$program" = promtool ]; then
        packages="${packages% prometheus} prometheus" # one package has both
    else
        packages="$packages $program"
    fi
done

# shellcheck disable=SC2086  # both lists are meant to be split
if [ -n "$packages" ] && ! "$here/unpack-debs.sh" "$dir" $packages; then
    cat >&2 <<EOT

The tests need prometheus, promtool, prometheus-pushgateway and redis-server.
Install them, for instance with

    sudo apt-get install$packages

or put them on PATH in another way, and repeat the command.
EOT
    exit 1
fi

mkdir -p "$dir/bin"
for path in $found; do
    ln -s "$path" "$dir/bin/"
done

# Starts each program, so that a missing library is reported here and not by a test.
for program in prometheus promtool prometheus-pushgateway redis-server; do
    version=$("$dir/bin/$program" --version 2>&1) || { echo "$program: $version" >&2; exit 1; }
    echo "$version" | head -n 1
done

if wait "$browser"; then
    ln -s "../../$(basename "$dir")-browser/bin/chromium-headless-shell" "$dir/bin/"
    tail -n 1 "$dir-browser.log"
else
    echo "no headless Chromium: $(tail -n 1 "$dir-browser.log")" >&2
fi

if SUITE=testing "$here/unpack-debs.sh" "$dir/next" \
    prometheus prometheus-pushgateway victoria-metrics docker-compose; then
    ln -s ../next/bin/docker-compose ../next/bin/victoria-metrics "$dir/bin/"
    for program in prometheus promtool prometheus-pushgateway; do
        if version=$("$dir/next/bin/$program" --version 2>&1); then
            ln -s "../next/bin/$program" "$dir/bin/$program-next"
            echo "$version" | head -n 1
        else
            echo "$program-next does not start: $version" >&2
        fi
    done
else
    echo "no prometheus-next, prometheus-pushgateway-next, victoria-metrics and docker-compose" >&2
fi
