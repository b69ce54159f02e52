#!/bin/sh
# uptime - for how many seconds this machine has been up; a collector in POSIX shell
# Garnet's socket is in $GARNET_SOCKET, which is where `garnet emit` sends. It ends with 1 and a message
# when the metric was not accepted, and so does this script.
set -eu
read -r seconds _ </proc/uptime
exec "${GARNET:-garnet}" emit uptime "$seconds" --unit s
