// Package daemon is the server: it wires sessions, groups and the ring together,
// owns the goroutines, the clock and the signals, and does what an operator sees.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gospread/spread/internal/conf"
	"gospread/spread/internal/link"
	"gospread/spread/internal/ring"
	"gospread/spread/internal/sdnotify"
	"gospread/spread/internal/session"
)

// Options say how a daemon is to run.
type Options struct {
	// ConfigFile is the -c argument; empty: search for spread.conf, and run
	// without a file if there is none.
	ConfigFile string
	// Name is the -n argument; empty: the entry with an address of this machine.
	Name string
	// SessionLog keeps the session log (-l y).
	SessionLog bool
	// Version is the release of this program.
	Version string
	// Out takes the log as long as the configuration names no file.
	Out io.Writer
	// SocketDir holds the Unix socket, /tmp if empty.
	SocketDir string
	// StateDir is a directory that outlives a restart of the machine and that only the
	// daemon writes to; empty: there is none. With it a daemon whose clock was set back
	// meanwhile is not taken for an earlier life of its own.
	StateDir string
	// ServiceDir holds another Unix socket, for clients that do not see the /tmp of
	// the daemon, if the directory is there and can be written to. It may be empty.
	ServiceDir string
	// Policy is asked about everything clients do; nil permits all.
	Policy session.Policy
	// Process makes the daemon the master of its process: it takes the signals
	// and, if started by root, becomes the user that the configuration names.
	Process bool

	// What follows is for a daemon within another program, such as a test.

	// Listeners serve the clients instead of those that the configuration asks for,
	// and there is no Unix socket. The daemon closes them.
	Listeners []net.Listener
	// Carrier opens the way to the other daemons; nil: sockets, by link.Open.
	Carrier func(link.Config) (Carrier, error)
	// Installed is told every daemon membership, in the turn that installs it; it must not
	// wait for anything. It may be nil.
	Installed func(*ring.Configuration)
	// LastTime is the latest time that an earlier life of this daemon may have used, in
	// seconds since 1970. Otherwise the file beside the Unix socket tells it.
	LastTime uint32
	// Kept is told each time that must be the LastTime of the next life, before other
	// daemons can learn of it; like Installed, it must not wait. It may be nil.
	Kept func(time uint32)
}

// Daemon is a running daemon.
type Daemon struct {
	opts   Options
	log    *logger
	source *source

	started *conf.Config // as it was at the start: what needs a restart is as it says
	config  atomic.Pointer[conf.Config]
	self    conf.Daemon

	rules     session.IPRules // as the last reload found them; only it changes them
	rulesFile string          // where they are from; empty: none found

	network    *network
	engine     *engine
	epochs     epochs
	membership changes
	super      *supervision // nil: the process has another master

	monitors *monitors
	reloads  reloads
	tuning   tuning

	incarnation uint32 // of what seals our datagrams; only reloads change it
	rejections  rejections
	server      *session.Server
	sessions    *sessionLog // nil without -l y
	began       time.Time
	history     *history
	status      *httpStatus // nil: it is not wanted; after the start only reloads change it

	tcp  []net.Listener
	unix *unixSocket // nil if another daemon has it
	// service is the socket in ServiceDir, nil if there is none.
	service *unixSocket
	// times remembers membership times in place of unix; nil if that does.
	times *timeFile
	state *timeFile // in the state directory, or nil
}

// heapHeadroom is memory that is never touched, and so never resident. It lets the
// garbage collector, which runs when the heap has doubled, wait until so much more
// has been allocated: what a daemon keeps is small, what passes through it is not.
const heapHeadroom = 32 << 20

// Run runs a daemon until ctx ends or a signal stops it. An error means that it
// could not start; the log has the same text.
func Run(ctx context.Context, opts Options) error {
	if opts.SocketDir == "" {
		opts.SocketDir = "/tmp"
	}
	d := &Daemon{opts: opts, log: newLogger(opts.Out, time.Now)}
	defer d.log.close()
	defer func() {
		if v := recover(); v != nil {
			d.log.panicked(v, debug.Stack())
			panic(v)
		}
	}()
	sig := &signals{}
	if opts.Process {
		headroom := make([]byte, heapHeadroom)
		defer runtime.KeepAlive(headroom)
		sig = catch()
		defer sig.release()
		d.log.journal, d.log.crashes = isJournal(opts.Out, os.Getenv("JOURNAL_STREAM")), true
		d.super = supervise(d.log)
		defer func() { _ = d.super.close() }()
	}
	starting, started := sig.whileStarting(ctx)
	err := d.start(starting)
	stopped := starting.Err() != nil
	started()
	switch {
	case err != nil && stopped:
		d.log.print("Spread: stopped while starting")
		return nil
	case err != nil:
		d.log.failed("Spread: %v", err)
		return err
	}
	return d.run(ctx, sig)
}

// start does everything that can fail, in the order of configuration and tools
// 7.3: nothing is served before all of it is in place.
func (d *Daemon) start(ctx context.Context) error {
	d.began, d.history = time.Now(), newHistory()
	d.log.hold()
	d.banner()
	hostname, err := os.Hostname()
	if err != nil {
		hostname = "localhost"
	}
	d.source = &source{hostname: hostname}
	cfg, err := d.load(ctx)
	if err != nil {
		return err
	}
	if err := d.readRules(cfg); err != nil {
		return err
	}
	if err := d.checkCapacity(&cfg.Options); err != nil {
		return err
	}
	var identity *identity
	if d.opts.Process {
		if identity, err = chooseIdentity(&cfg.Options); err != nil {
			return err
		}
		makeRoomForReaders()
	}
	if err := d.listen(ctx, cfg); err != nil {
		return err
	}
	d.openState()
	if err := d.becomeLess(identity); err != nil {
		d.closeListeners()
		return err
	}
	if d.opts.SessionLog {
		if d.sessions, err = openSessionLog(d.self.Name, time.Now); err != nil {
			d.closeListeners()
			return err
		}
	}
	if err := d.makeEngine(cfg); err != nil {
		d.closeListeners()
		return err
	}
	d.server = session.NewServer(d.sessionConfig(cfg), d.engine, observer{d})
	return nil
}

// readers is how many goroutines may wait in the kernel for datagrams.
const readers = 4

// makeRoomForReaders lets as many goroutines run as there are processors also while
// readers of the link wait in system calls: the scheduler counts these as running
// until it looks again. A value from outside stands.
func makeRoomForReaders() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + readers)
	}
}

// load reads the configuration, reports it, and finds the daemon's own entry.
func (d *Daemon) load(ctx context.Context) (*conf.Config, error) {
	cfg, err := d.source.load(ctx, d.opts.ConfigFile)
	switch {
	case errors.Is(err, conf.ErrNoFile) && d.opts.Name == "":
		cfg = conf.Default()
		d.log.print("Spread: %v: serving this machine alone, at 127.0.0.1:%d and %s/%d",
			err, conf.DefaultPort, d.opts.SocketDir, conf.DefaultPort)
	case errors.Is(err, conf.ErrNoFile):
		return nil, fmt.Errorf("find the entry of daemon %q: %w; name the file with -c", d.opts.Name, err)
	case err != nil:
		return nil, err
	default:
		d.log.print("Conf_load_conf_file: using file: %s", cfg.File)
	}
	if err := d.log.configure(cfg.Options.Log); err != nil {
		return nil, err
	}
	d.report(cfg)
	local, err := localAddrs(lookup(ctx), d.source.hostname)
	if err != nil {
		return nil, err
	}
	d.self, err = cfg.Self(d.opts.Name, local)
	if err != nil {
		return nil, err
	}
	d.started = cfg
	d.config.Store(cfg)
	d.log.logf(conf.LevelInfo, conf.FlagConfiguration, "Conf_load_conf_file: My name: %s, id: %d, addr: %s, port: %d",
		d.self.Name, d.self.ID, d.self.Addr, d.self.Port)
	return cfg, nil
}

func (d *Daemon) listen(ctx context.Context, cfg *conf.Config) error {
	var err error
	if d.tcp = d.opts.Listeners; d.tcp == nil {
		d.tcp, err = listenTCP(ctx, clientAddrs(&d.self), cfg.Options.SocketPortReuse)
	}
	if err != nil {
		return err
	}
	if d.network, err = openNetwork(cfg, &d.self, d.opts.Carrier); err != nil {
		closeAll(d.tcp)
		return err
	}
	d.reportNetwork()
	if d.status, err = d.openStatus(ctx, cfg); err != nil {
		d.closeListeners()
		return err
	}
	if d.opts.Listeners != nil {
		return nil
	}
	d.unix, err = listenUnix(d.opts.SocketDir, d.self.Port)
	switch {
	case err == nil, errors.Is(err, errors.ErrUnsupported):
	case errors.Is(err, fs.ErrNotExist) && len(d.tcp) > 0:
		d.log.logf(conf.LevelWarning, conf.FlagPrint, "Spread: no Unix socket in %s: %v", d.opts.SocketDir, err)
	case errors.Is(err, errSocketTaken) && len(d.tcp) > 0:
		d.log.logf(conf.LevelWarning, conf.FlagPrint,
			"Spread: no Unix socket: %v; local clients must connect to %d@%s", err, d.self.Port, d.self.Addr)
		if d.times, err = openTimeFile(d.opts.SocketDir, false, d.self.Port, d.self.Name); err != nil {
			d.log.logf(conf.LevelWarning, conf.FlagPrint, "Spread: %v; wait a second before a restart", err)
		}
	default:
		d.closeListeners()
		return err
	}
	d.service = d.listenService()
	return nil
}

// openState opens what the daemon remembers in its state directory. It serves without.
func (d *Daemon) openState() {
	if d.opts.StateDir == "" {
		return
	}
	t, err := openTimeFile(d.opts.StateDir, true, d.self.Port, d.self.Name)
	if err != nil {
		d.log.logf(conf.LevelWarning, conf.FlagPrint, "Spread: %v; if the clock is set back before the next start, other daemons may take no notice of this one", err)
		return
	}
	d.state = t
}

// listenService opens the socket in ServiceDir. What is in the way of it is no
// reason not to start.
func (d *Daemon) listenService() *unixSocket {
	if d.opts.ServiceDir == "" || !writableDir(d.opts.ServiceDir) {
		return nil
	}
	u, err := listenUnix(d.opts.ServiceDir, d.self.Port)
	if err != nil {
		d.log.logf(conf.LevelWarning, conf.FlagPrint, "Spread: no Unix socket in %s: %v", d.opts.ServiceDir, err)
		return nil
	}
	return u
}

// becomeLess gives up root's powers, if there are any.
func (d *Daemon) becomeLess(id *identity) error {
	if id == nil {
		return nil
	}
	for _, u := range d.unixSockets() {
		if err := u.give(id.uid, id.gid); err != nil {
			return fmt.Errorf("give the Unix socket to user %s: %w", id.user, err)
		}
	}
	if err := d.source.prepareForChroot(id.chroot != ""); err != nil {
		return err
	}
	keepProcess()
	if err := id.assume(); err != nil {
		return err
	}
	text := fmt.Sprintf("Spread: running as user %s, group %s", id.user, id.group)
	if id.chroot != "" {
		text += fmt.Sprintf(", root directory %s", id.chroot)
	}
	if id.why != "" {
		text += fmt.Sprintf(" (%s)", id.why)
	}
	d.log.print("%s", text)
	return nil
}

// makeEngine starts the order. A daemon with others in its configuration looks for
// them first.
func (d *Daemon) makeEngine(cfg *conf.Config) error {
	began := time.Now()
	o := ringOptions(cfg, &d.self)
	o.Incarnation = max(uint32(began.Unix()), d.unix.lastTime()+1, d.service.lastTime()+1, d.times.lastTime()+1, d.state.lastTime()+1, d.opts.LastTime+1)
	d.incarnation = o.Incarnation
	if err := d.sealRing(cfg, o.Incarnation); err != nil {
		return err
	}
	d.network.rejected, d.network.noted = d.rejected, d.networkNoted
	d.epochs.set(cfg)
	o.Datagram = d.network.datagram()
	d.engine = newEngine(began, ring.New(o, 0), o.Self, groupDaemons(cfg), d, d.network.send)
	d.engine.alarm.ring = d.engine.wake
	d.engine.panicked = d.log.panicked
	d.tuning.windows = o.Windows
	d.reloads.wanted = make(chan struct{}, 1)
	d.monitors = newMonitors(d)
	d.network.monitors = d.monitors
	if d.network.link != nil {
		d.network.link.Start(inlet{d.engine, d.network})
	}
	d.engine.lookout.want(wantFull)
	d.engine.turn(func() {})
	return nil
}

// run serves until ctx ends or a signal stops the daemon.
func (d *Daemon) run(ctx context.Context, sig *signals) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var serving sync.WaitGroup
	listeners := d.tcp
	for _, u := range d.unixSockets() {
		listeners = append(listeners[:len(listeners):len(listeners)], u)
	}
	for _, l := range listeners {
		serving.Go(func() {
			if err := d.server.Serve(ctx, l); err != nil {
				d.log.logf(conf.LevelError, sessionFlags, "Session: %v", err)
			}
		})
	}
	d.serveStatus(d.status)
	defer func() { d.status.close() }()
	serving.Go(func() { d.monitors.serve(ctx) })
	var watching sync.WaitGroup
	watched, unwatch := context.WithCancel(ctx)
	watching.Go(func() { d.super.watch(watched, func() { d.engine.turn(func() {}) }) })
	d.super.say(sdnotify.Ready)
	d.waitForEnd(ctx, sig)
	unwatch()
	d.super.say(sdnotify.Stopping)
	d.engine.stop(session.DaemonStopped)
	d.leaveRing()
	cancel()
	watching.Wait()
	d.closeListeners()
	serving.Wait()
	d.server.Stop()
	if d.sessions != nil {
		d.sessions.close()
	}
	d.log.logf(conf.LevelPrint, conf.FlagExit, "Spread daemon exiting normally!")
	return nil
}

// leavePatience is how long the announcement of a stop may take.
const leavePatience = time.Second

// leaveRing tells the other daemons that this one stops, so that they need not
// find out by its silence.
func (d *Daemon) leaveRing() {
	d.engine.leaveRing()
	select {
	case <-d.engine.left:
	case <-time.After(leavePatience):
	}
	d.engine.end()
}

// unixSockets are those that there are.
func (d *Daemon) unixSockets() []*unixSocket {
	return slices.DeleteFunc([]*unixSocket{d.unix, d.service}, func(u *unixSocket) bool { return u == nil })
}

func (d *Daemon) closeListeners() {
	closeAll(d.tcp)
	if d.status != nil && d.status.server == nil {
		d.status.close()
	}
	if d.network != nil {
		d.network.close()
	}
	for _, u := range d.unixSockets() {
		u.Close()
	}
	d.times.close()
	d.state.close()
}
