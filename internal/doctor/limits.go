package doctor

import (
	"encoding/hex"
	"fmt"
	"os/user"
	"path/filepath"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/echo"
)

// reservedFiles are open files that the daemon keeps from its clients.
const reservedFiles = 64

// limits judges what the system lets a process have.
func (e *examination) limits() {
	s := e.on("limits.files", "")
	files, sessions := e.env.Files(), uint64(e.cfg.Options.MaxSessions)
	const raise = "ulimit -n 65536 before it is started, or LimitNOFILE=65536 in its systemd unit"
	switch {
	case files == 0:
	case sessions+reservedFiles > files && sessions > 0:
		s.problem(fmt.Sprintf("a process may open %d files here, and MaxSessions is %d", files, sessions),
			fmt.Sprintf("only %d clients can connect to a daemon that is started from here", max(int64(files)-reservedFiles, 0)), raise)
	case files < 1024:
		s.warning(fmt.Sprintf("a process may open %d files here", files),
			fmt.Sprintf("only %d clients can connect to a daemon that is started from here", max(int64(files)-reservedFiles, 0)), raise)
	default:
		s.ok("a process may open %d files here, enough for %d clients", files, files-reservedFiles)
	}
	if len(e.all) > 1 {
		e.buffers()
	}
}

// Buffers of sockets that a daemon asks for, and that it needs at least, in bytes.
const (
	wantedBuffer = 8 << 20
	neededBuffer = 1 << 20
)

func (e *examination) buffers() {
	e.buffer("receive", "net.core.rmem_max", "packets that come in bursts are lost and sent again, unless the daemon has CAP_NET_ADMIN")
	e.buffer("send", "net.core.wmem_max", "bursts do not fit, and where hosts are down packets to the others are lost, unless the daemon has CAP_NET_ADMIN")
}

func (e *examination) buffer(which, limit, means string) {
	n, ok := e.env.sysctl(limit)
	if !ok {
		return // the link tells
	}
	s := e.on("limits.buffers", "")
	found := fmt.Sprintf("%s buffers may have %d bytes (%s)", which, n, limit)
	if n >= neededBuffer {
		s.ok("%s", found)
		return
	}
	s.warning(found, means, fmt.Sprintf("sysctl -w %s=%d, and the same line without sysctl -w in /etc/sysctl.d/spread.conf", limit, wantedBuffer))
}

// directories looks whether those that the daemon needs are there.
func (e *examination) directories() {
	o := &e.cfg.Options
	if file := o.Log.File; file != "" {
		if err := e.env.IsDir(filepath.Dir(file)); err != nil {
			e.on("limits.log", "").problem("EventLogFile: "+oneLine(err), "the daemon does not start",
				fmt.Sprintf("create the directory %s, which the daemon may write to, or change EventLogFile", filepath.Dir(file)))
		}
	}
	if dir := o.RuntimeDir; dir != "" && o.IsSet(conf.KeyRuntimeDir) && e.env.Root {
		if err := e.env.IsDir(dir); err != nil {
			e.on("limits.root", "").problem("RuntimeDir: "+oneLine(err), "a daemon that root starts ends at once",
				fmt.Sprintf("create the directory %s, or change RuntimeDir", dir))
		}
	}
}

// identity looks whether who the daemon becomes is there.
func (e *examination) identity() {
	o := &e.cfg.Options
	if !e.env.Root {
		return
	}
	if o.IsSet(conf.KeyDaemonUser) {
		if _, err := user.Lookup(o.DaemonUser); err != nil {
			e.on("limits.user", "").problem("DaemonUser: "+oneLine(err), "a daemon that root starts ends at once",
				"useradd --system "+o.DaemonUser+", or correct DaemonUser")
		}
	}
	if o.IsSet(conf.KeyDaemonGroup) {
		if _, err := user.LookupGroup(o.DaemonGroup); err != nil {
			e.on("limits.user", "").problem("DaemonGroup: "+oneLine(err), "a daemon that root starts ends at once",
				"groupadd --system "+o.DaemonGroup+", or correct DaemonGroup")
		}
	}
}

// keys reads the keys of the ring, with which doctors recognise each other.
func (e *examination) keys() {
	e.auth = &echo.Auth{}
	s := e.on("keys.file", "")
	file := e.cfg.Options.RingKeyFile
	const make = "(umask 077; openssl rand -hex 32 > /etc/spread.key), copy it to all machines, and set RingKeyFile = /etc/spread.key"
	if file == "" {
		if e.hosts() {
			s.warning("the ring is not sealed: RingKeyFile is not set, and daemons run on several machines",
				"whoever can send datagrams to the daemons can read, forge and disturb messages", make)
		}
		return
	}
	keys, err := e.env.ReadKeys(file)
	if err != nil {
		remedy := "correct the file, or make a key: " + make
		if !missing(err) {
			remedy = "correct the file; only its owner, and the group of the daemon, may read it: chmod 640 " + file
		}
		s.problem("RingKeyFile: "+oneLine(err), "the daemon does not start, and the doctor cannot recognise others", remedy)
		return
	}
	if why := e.env.Unreadable(file, &e.cfg.Options); why != "" {
		s.problem(fmt.Sprintf("the daemon cannot read %s: %s", file, why), "the daemon does not start, or cannot read changed keys",
			fmt.Sprintf("chown %s %s; chmod 400 %s", e.cfg.Options.DaemonUser, file, file))
	} else {
		s.ok("%s has %s; the first is %s", file, count(len(keys.Names()), "key"), keys.Names()[0])
	}
	secrets, err := keys.Derive("doctor")
	if err != nil {
		s.problem(oneLine(err), "the doctor cannot recognise others", "make another key: "+make)
		return
	}
	for i, name := range keys.Names() {
		k := echo.Key{Secret: secrets[i]}
		if _, err := hex.Decode(k.Name[:], []byte(name)); err == nil {
			e.auth.Keys = append(e.auth.Keys, k)
		}
	}
}
