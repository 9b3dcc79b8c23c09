#!/bin/sh
# Run a command in a file tree: in_chroot.sh ROOT COMMAND [ARGUMENT...]
#
# Called in mount, process and network namespaces of its own, so that nothing stays mounted or
# running whatever happens, and nothing is fetched.
set -eu
root=$1
shift
ip link set lo up
mount --make-rprivate /
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null zero full random urandom; do
    : >"$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
done
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"
mkdir "$root/dev/shm"
mount -t tmpfs tmpfs "$root/dev/shm"
mount -t tmpfs tmpfs "$root/tmp"
exec chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    LAB_ROLE="${LAB_ROLE-}" LAB_PYTHON="${LAB_PYTHON-}" SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH-0}" "$@"
