# What the scripts in a copy of the system have in common.

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

# inventory FILE: what is on the system, apart from caches, logs and the books of the
# package managers.
inventory() {
	find /bin /etc /lib /opt /run/spread /sbin /usr /var \( -path /var/cache -o -path /var/log/dpkg.log -o -path /var/lib/dpkg -o -path /var/lib/rpm \
		-o -path /usr/share/zsh/site-functions -o -path '/etc/*-' -o -path /etc/.pwd.lock \) -prune -o -print 2>/dev/null |
		sort >"$1"
}

# serves: a daemon that runs as the unit would run it serves clients at
# /run/spread/4803, and as user spread, and stops when it is told to.
serves() {
	setpriv --reuid spread --regid spread --clear-groups env RUNTIME_DIRECTORY=/run/spread \
		/usr/sbin/spread -c /etc/spread/spread.conf >/tmp/log 2>&1 &
	daemon=$!
	tries=0
	until [ -S /run/spread/4803 ]; do
		tries=$((tries + 1))
		[ $tries -lt 200 ] || fail "no socket: $(cat /tmp/log)"
		sleep 0.1
	done
	spuser --exec 'j test; s test hello' >/tmp/user || fail "no answer: $(cat /tmp/log)"
	grep -q '(5 bytes): hello' /tmp/user || fail "$(cat /tmp/user)"
	grep -q 'using file: /etc/spread/spread.conf' /tmp/log || fail "$(cat /tmp/log)"
	[ "$(stat -c %U /run/spread/4803)" = spread ] || fail "the owner is another"
	kill $daemon
	wait $daemon || fail "it ended with $?: $(cat /tmp/log)"
	[ ! -e /run/spread/4803 ] || fail "the socket is still there"
}

# unit: systemd finds nothing to say about it.
unit() {
	said=$(systemd-analyze verify /usr/lib/systemd/system/spread.service 2>&1) || fail "verify: $said"
	[ -z "$said" ] || fail "verify: $said"
	systemd-analyze security --offline=true --threshold=25 --no-pager /usr/lib/systemd/system/spread.service >/tmp/security 2>&1 ||
		fail "$(cat /tmp/security)"
	tail -1 /tmp/security
}
