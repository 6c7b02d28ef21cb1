#!/bin/sh
# From inside fresh namespaces (mount, uts, ipc, pid, cgroup, net) to a running systemd: boot.sh ROOT NAME
#
# Lives here: the file systems that systemd expects of a container manager, pivot_root, and becoming init.
# Must not live here: making the namespaces, or the files of the machine (machine.py).
# https://systemd.io/CONTAINER_INTERFACE/
set -eu
root=$1
mount --make-rprivate /
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
# The kernel is the build machine's: only what a network namespace has of its own may be set from here.
mount --bind "$root/proc/sys" "$root/proc/sys"
mount --bind "$root/proc/sys/net" "$root/proc/sys/net"
mount -o remount,bind,ro "$root/proc/sys"
if [ -e "$root/proc/sysrq-trigger" ]; then
    mount --bind "$root/proc/sysrq-trigger" "$root/proc/sysrq-trigger"
    mount -o remount,bind,ro "$root/proc/sysrq-trigger"
fi
# Read-only sysfs is how systemd learns that udev has nothing to do here.
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=0755,nosuid tmpfs "$root/run"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/tmp"
mount -t tmpfs -o mode=0755,nosuid tmpfs "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/dev/shm"
# Nodes of its own, never the build machine's by a bind mount: init changes owner and mode of what it finds, and would
# do so to them. The console is a second null: there is nobody to read it.
make() { mknod -m "$1" "$root/dev/$2" c "$3" "$4"; }
make 0666 null 1 3
make 0666 zero 1 5
make 0666 full 1 7
make 0666 random 1 8
make 0666 urandom 1 9
make 0666 tty 5 0
make 0600 console 1 3
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
hostname "$2"
ip link set lo up
cd "$root"
mkdir -p .before
pivot_root . .before
exec /usr/bin/env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /bin/sh -c 'umount -l /.before && rmdir /.before && exec /sbin/init'
