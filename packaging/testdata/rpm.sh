# The life of the package: rpm.sh PACKAGE. Its dependencies are not in the books of rpm
# on a system of Debian.
. /tmp/lib.sh
rpm=$1
rm -rf /run/spread /etc/spread /var/log/spread /var/lib/spread
inventory /tmp/before
rpm --force-debian -i --nodeps "$rpm" >/tmp/out 2>&1 || fail "$(cat /tmp/out)"
getent passwd spread | grep -q ':Spread daemon:/run/spread:' || fail "$(getent passwd spread)"
for dir in /run/spread /var/log/spread /var/lib/spread; do
	[ "$(stat -c '%U %a' $dir)" = "spread 755" ] || fail "$dir"
done
[ ! -e /tmp/4803 ] || fail "started"
unit
serves
rpm -V gospread || fail "files are not as they were"
echo '# my own' >>/etc/spread/spread.conf
rpm --force-debian -e gospread >/tmp/out 2>&1 || fail "$(cat /tmp/out)"
[ "$(tail -1 /etc/spread/spread.conf.rpmsave)" = '# my own' ] || fail "the configuration is gone"
rm -r /etc/spread
inventory /tmp/after
diff /tmp/before /tmp/after || fail "something is left"
echo PASS
