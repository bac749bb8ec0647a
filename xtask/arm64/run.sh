#!/bin/sh
# Inside the namespace: run.sh ROOT COMMAND... runs a command of the ARM64 system in ROOT.
set -e
root=$1
shift

mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t binfmt_misc none "$root/proc/sys/fs/binfmt_misc"
# A 64-bit little-endian ELF program or library for machine 0xb7, which is ARM64: QEMU runs it.
magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
printf ':arm64:M::%s:%s:/usr/bin/qemu-aarch64-static:' "$magic" "$mask" >"$root/proc/sys/fs/binfmt_misc/register"

export HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin WINEPREFIX=/root/prefix WINEDEBUG=-all
export WINESERVER=/usr/lib/wine/wineserver64 WINEDLLOVERRIDES='winemenubuilder.exe,mscoree,mshtml,winedbg.exe='
exec chroot "$root" "$@"
