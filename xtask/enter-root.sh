#!/bin/sh
# Inside a mount namespace: enter-root.sh ROOT arm64|native SHARED... -- PROGRAM... runs a program of the Debian in ROOT.
set -e
root=$1 kind=$2
shift 2

for folder in proc dev sys; do mkdir -p "$root/$folder"; done
mount --rbind /dev "$root/dev"
if [ "$kind" = arm64 ]; then
    mount -t proc proc "$root/proc"
    mount -t binfmt_misc none "$root/proc/sys/fs/binfmt_misc"
    # A 64-bit little-endian ELF program or library for machine 0xb7, which is ARM64: QEMU runs it.
    magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
    mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
    printf ':arm64:M::%s:%s:/usr/bin/qemu-aarch64-static:' "$magic" "$mask" >"$root/proc/sys/fs/binfmt_misc/register"
else
    mount --rbind /proc "$root/proc"
    mount --rbind /sys "$root/sys"
fi
while [ "$1" != -- ]; do
    mkdir -p "$root$1"
    mount --rbind "$1" "$root$1"
    shift
done
shift
mkdir -p "$root/tmp"
# The program starts in the folder that it would start in outside; /tmp has what the Wine server needs and stays.
exec chroot "$root" /bin/sh -c 'cd "$0" 2>/dev/null || cd /; PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root exec "$@"' "$PWD" "$@"
