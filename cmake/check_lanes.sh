#!/bin/sh
# Fails where a lane of the image touches a register that still holds the guest's value: check_lanes.sh IMAGE.
set -eu

# check FUNCTION REGISTERS-THAT-IT-MAY-NAME
check() {
    listing=$(llvm-objdump-19 -d --mattr=+a --no-show-raw-insn --disassemble-symbols="$1" "$2" | sed -n 's/^ *[0-9a-f]*: *//p')
    [ -n "$listing" ] || { echo "check_lanes.sh: there is no $1"; exit 1; }
    # A call would leave the return address in a register, or be a jump out of the function.
    strange=$(printf '%s\n' "$listing" | sed 's/<.*>//' | grep -nE "\b($3)\b|\bjalr?\b|\bcall\b|\btail\b|\bjr\b" || true)
    [ -z "$strange" ] || { printf 'check_lanes.sh: %s touches what the guest has in the hart:\n%s\n' "$1" "$strange"; exit 1; }
}

check antler_device_lane "$1" 'ra|sp|gp|s[0-9]+|a[67]|t[456]'
check antler_ecall_lane "$1" 'sp|gp|s[0-9]+|t[456]'
