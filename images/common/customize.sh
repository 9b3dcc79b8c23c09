# shellcheck shell=bash
# Runs in the chroot, for both roles, after the overlays were copied.
set -eu

# Generators run before anything else; of systemd's own only fstab's is of use here.
mkdir -p /etc/systemd/system-generators
for generator in /lib/systemd/system-generators/*; do
    name=${generator##*/}
    [ "$name" = systemd-fstab-generator ] || ln -sf /dev/null "/etc/systemd/system-generators/$name"
done

# ds-identify would look for clouds at every boot; the data source is fixed.
rm -f /lib/systemd/system-generators/cloud-init-generator
rm -rf /etc/cloud/cloud.cfg.d
find /etc/cloud/templates -type f ! -name hosts.debian.tmpl -delete

# Every machine is somebody else: its identity is made at its first boot.
rm -f /etc/ssh/ssh_host_* /var/lib/dbus/machine-id
: >/etc/machine-id
ln -sf /etc/machine-id /var/lib/dbus/machine-id
rm -f /etc/hostname
printf '127.0.0.1 localhost\n' >/etc/hosts
: >/etc/resolv.conf
cat >/etc/fstab <<'FSTAB'
/dev/vda / ext4 defaults,noatime,errors=remount-ro 0 0
tmpfs /tmp tmpfs nodev,nosuid,mode=1777,size=25% 0 0
tmpfs /dev/shm tmpfs nodev,nosuid,noexec,mode=1777,size=25% 0 0
FSTAB

# No password opens anything; nobody is root by name.
passwd -q -l root
sed -i 's/^#*HOME_MODE.*/HOME_MODE 0700/' /etc/login.defs
groupadd --system --force people
groupadd --system --force lab-tls
# Debian's empty group of that name would be in the way of the account.
groupdel operator

# Set-user-id only where it is needed: sudo, su and what changes an own password stay.
for program in bin/chfn bin/chsh bin/gpasswd bin/newgrp bin/mount bin/umount lib/openssh/ssh-keysign; do
    [ ! -e "/usr/$program" ] || chmod u-s "/usr/$program"
done
install -d -m 755 /etc/lab /etc/ssh/authorized_keys /etc/ssh/principals
chmod 640 /etc/audit/audit.rules
rm -f /etc/audit/rules.d/*
