#!/usr/bin/env bash
# Becomes systemd in a copy of this machine that is forgotten afterwards: this machine's files, with a layer in memory above
# them that takes all changes; processes, network, mounts and control groups of its own. Called by run.sh, in fresh name spaces.
set -euo pipefail

work=$1
mount --make-rprivate /
mount -t tmpfs -o mode=755 varve-test "$work"
mkdir "$work/upper" "$work/work" "$work/root"
root=$work/root
mount -t overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/work" overlay "$root"

mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 dev "$root/dev"
for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/shm" "$root/dev/pts"
ln -s /proc/self/fd "$root/dev/fd"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs -o mode=755 run "$root/run"
mount -t tmpfs tmp "$root/tmp"
ip link set lo up

# Nothing runs there but the journal and what the test starts.
rm -rf "$root"/etc/systemd/system/*.wants "$root"/usr/sbin/policy-rc.d "$root"/var/lib/man-db/auto-update
for target in sysinit local-fs basic timers sockets multi-user graphical; do
    rm -rf "$root/lib/systemd/system/$target.target.wants"
done
mkdir -p "$root/lib/systemd/system/sysinit.target.wants"
for unit in systemd-journald.service systemd-journald.socket; do
    ln -s "../$unit" "$root/lib/systemd/system/sysinit.target.wants/$unit"
done
: >"$root/etc/fstab"
rm -f "$root/etc/machine-id" "$root"/etc/default/varve
: >"$root/etc/machine-id"
rm -rf "$root/etc/varve" "$root/var/lib/varve"
cp "$2" "$root/root/varve.deb"

# The root of the name space, so that systemd can make name spaces of services below it.
cd "$root"
mkdir .machine
pivot_root . .machine
umount --lazy /.machine
rmdir /.machine
exec env -i container=varve-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    chroot . /lib/systemd/systemd --system --unit=basic.target --show-status=0
