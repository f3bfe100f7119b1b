#!/bin/sh
# Turns a minimal Debian into the image that every host starts from. $1 is the root of the new system (mmdebstrap's
# customize hook). It gives what Debian's own cloud images give: the user admin with sudo, no host keys, no passwords.
set -eu
root=$1

chroot "$root" adduser --quiet --disabled-password --gecos 'Debian' --uid 1000 admin
mkdir -p "$root/etc/sudoers.d" "$root/etc/ssh/sshd_config.d"
printf 'admin ALL=(ALL) NOPASSWD:ALL\n' >"$root/etc/sudoers.d/90-cloud-init-users"
chmod 0440 "$root/etc/sudoers.d/90-cloud-init-users"
printf 'PasswordAuthentication no\nKbdInteractiveAuthentication no\nPrintMotd no\n' >"$root/etc/ssh/sshd_config.d/50-cloud.conf"
rm -f "$root"/etc/ssh/ssh_host_*

# Installed is not enabled: what runs on a host is a role's decision.
for script in "$root"/etc/init.d/*; do
    name=${script##*/}
    [ "$name" = ssh ] || chroot "$root" update-rc.d -f "$name" remove >/dev/null
done

# Without systemd, tools enable a service with "update-rc.d NAME defaults", which Debian's does nothing for one that was
# disabled before. Ours enables it then, except from a package's own scripts.
cp -p "$root/usr/sbin/update-rc.d" "$root/usr/sbin/update-rc.d.distrib"
chroot "$root" dpkg-divert --quiet --local --no-rename --divert /usr/sbin/update-rc.d.distrib --add /usr/sbin/update-rc.d
cat >"$root/usr/sbin/update-rc.d" <<'WRAPPER'
#!/bin/sh
/usr/sbin/update-rc.d.distrib "$@" || exit
[ "${2-}" = defaults ] && [ -z "${DPKG_MAINTSCRIPT_PACKAGE-}" ] || exit 0
ls /etc/rc2.d/S[0-9][0-9]"$1" >/dev/null 2>&1 || /usr/sbin/update-rc.d.distrib "$1" enable
WRAPPER
chmod 0755 "$root/usr/sbin/update-rc.d"

: >"$root/etc/motd"
# A database's files are made on its host, as an installation there makes them: 110 MB that no other host needs to carry.
rm -rf "$root"/var/lib/mysql "$root"/var/log/mysql/*
install -d -m 0755 "$root/var/lib/mysql"
chroot "$root" chown mysql:mysql /var/lib/mysql
rm -rf "$root/etc/update-motd.d" "$root/etc/hostname" "$root/etc/resolv.conf" "$root/usr/sbin/policy-rc.d"
rm -rf "$root"/usr/share/doc/* "$root"/usr/share/man/* "$root"/usr/share/info/* "$root"/var/cache/apt/*.bin
find "$root/usr/share/locale" -mindepth 1 -maxdepth 1 -type d -exec rm -rf {} +
# The package lists of the build stay out: there is no mirror to reach from a host. python3-apt works from dpkg's status.
rm -rf "$root"/var/lib/apt/lists/*
mkdir -p "$root/var/lib/apt/lists/partial" "$root/var/cache/apt/archives/partial"
printf 'APT::Update::Pre-Invoke {};\nAcquire::Retries "0";\nAcquire::http::Timeout "2";\n' >"$root/etc/apt/apt.conf.d/99local-cloud"
: >"$root/etc/apt/sources.list"
rm -f "$root"/etc/apt/sources.list.d/*
