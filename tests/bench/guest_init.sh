#!/bin/busybox sh
# shellcheck shell=dash
#
# The first process of the machine that scripts/bench --count starts. Runs its arguments, the words after `--` on the
# kernel's command line: what they print goes to the second serial port, what they complain of to the third; their exit
# code, beside the kernel's own words, to the first.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
stty -F /dev/ttyS1 raw
stty -F /dev/ttyS2 raw
ip link set lo up
ulimit -n 20000
"$@" </dev/null >/dev/ttyS1 2>/dev/ttyS2
echo "ended with $?" >/dev/ttyS0
sync
poweroff -f
