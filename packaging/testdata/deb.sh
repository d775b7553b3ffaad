# The life of the package: deb.sh PACKAGE
. /tmp/lib.sh
deb=$1
ln -sf /bin/true /usr/bin/mandb # takes long, at each step
rm -rf /run/spread /etc/spread /var/log/spread /var/lib/spread
inventory /tmp/before

# Installed: files, user, directory; enabled, and not started without systemd.
dpkg -i "$deb" >/tmp/out 2>&1 || fail "$(cat /tmp/out)"
getent passwd spread | grep -q ':Spread daemon.*:/run/spread:/usr/sbin/nologin$' || fail "$(getent passwd spread)"
for dir in /run/spread /var/log/spread /var/lib/spread; do
	[ "$(stat -c '%U %a' $dir)" = "spread 755" ] || fail "$dir"
done
[ -L /etc/systemd/system/multi-user.target.wants/spread.service ] || fail "not enabled"
[ ! -e /tmp/4803 ] || fail "started"
for page in 8/spread 1/spuser 1/sptuser 5/spread.conf; do
	man -w "${page%/*}" "${page#*/}" >/dev/null || fail "no manual page $page"
done
! man spread spread.conf | grep -q /usr/local || fail "a manual page names another place of the configuration"
# What the README names is there.
for file in $(grep -o '](docs/[a-z._-]*' /usr/share/doc/gospread/README.md | cut -c3- | sort -u); do
	[ -e "/usr/share/doc/gospread/$file" ] || fail "no $file"
done
unit
serves

# Started by root, without -c: it finds the file and becomes the user.
rm /tmp/log # the last daemon's has what is waited for
(cd / && spread >/tmp/log 2>&1) &
until grep -qs '^====' /tmp/log; do sleep 0.1; done
grep -q 'running as user spread, group spread' /tmp/log || fail "$(cat /tmp/log)"
grep -q 'using file: /etc/spread/spread.conf' /tmp/log || fail "$(cat /tmp/log)"
kill "$(pidof spread)"
wait

# Upgraded: what the administrator has changed stays, and the new file is beside it.
dpkg-deb -R "$deb" /tmp/next
sed -i 's/^Version: .*/&.next/' /tmp/next/DEBIAN/control
echo '# newer' >>/tmp/next/etc/spread/spread.conf
dpkg-deb -b /tmp/next /tmp/next.deb >/dev/null
echo '# my own' >>/etc/spread/spread.conf
dpkg --force-confdef -i /tmp/next.deb >/tmp/out 2>&1 || fail "$(cat /tmp/out)"
[ "$(tail -1 /etc/spread/spread.conf)" = '# my own' ] || fail "the configuration was replaced"
[ "$(tail -1 /etc/spread/spread.conf.dpkg-dist)" = '# newer' ] || fail "the new configuration is nowhere"
serves

# Removed: the configuration and the user stay. Installed again: as it was.
dpkg -r gospread >/tmp/out 2>&1 || fail "$(cat /tmp/out)"
[ ! -e /usr/sbin/spread ] && [ ! -e /run/spread ] || fail "something is left"
[ "$(tail -1 /etc/spread/spread.conf)" = '# my own' ] || fail "the configuration is gone"
dpkg --force-confdef -i "$deb" >/tmp/out 2>&1 || fail "$(cat /tmp/out)"
[ "$(tail -1 /etc/spread/spread.conf)" = '# my own' ] || fail "the configuration was replaced"
serves

# Purged: nothing is left of it.
touch /var/log/spread/spread.log
dpkg -P gospread >/tmp/out 2>&1 || fail "$(cat /tmp/out)"
inventory /tmp/after
diff /tmp/before /tmp/after || fail "purge is not clean"
if getent passwd spread || getent group spread; then fail "the user is still there"; fi

# A user of that name that was there before stays.
useradd --comment "somebody else" spread
dpkg -i "$deb" >/tmp/out 2>&1 || fail "$(cat /tmp/out)"
dpkg -P gospread >/tmp/out 2>&1 || fail "$(cat /tmp/out)"
getent passwd spread >/dev/null || fail "a user that was there before is gone"
echo PASS
