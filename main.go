// Chatd is a chat server: clients log in with a name, list who is here, and send each other lines.
// One epoll loop serves them all: one goroutine, on one thread at a time.
//
// This file has the flags, and wires the parts together: capacity, listener, machine, loop, and one line
// on stdout. docs/reading.md says in which order to read the packages.
package main

import (
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"chatd/poller"
	"chatd/poller/linux"
	"chatd/poller/service"
	"chatd/poller/trace"
	"chatd/protocol"
	"chatd/state"

	"golang.org/x/sys/unix"
)

// usage is the text of --help.
//
//go:embed docs/usage.txt
var usage string

const (
	exitOK      = 0
	exitRefused = 1  // the system refused something, or the loop hangs
	exitUsage   = 64 // EX_USAGE (sysexits.h); 2 is a panic of the Go runtime
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the program. It writes one line to stderr if it cannot do what the arguments say.
func run(args []string, stdout, stderr *os.File) int {
	signal.Ignore(unix.SIGPIPE) // the server goes on when the reader of stdout or stderr has gone
	o, err := parse(args)
	lines := service.NewLogWriter(int(stderr.Fd()))
	switch {
	case errors.Is(err, flag.ErrHelp):
		io.WriteString(stdout, usage)
		return exitOK
	case err != nil:
		fmt.Fprintf(lines, "chatd: %v (see chatd --help)\n", err)
		return exitUsage
	case o.version:
		fmt.Fprintln(stdout, version())
		return exitOK
	}
	if o.probe != "" {
		err = service.Probe(o.probe)
	} else {
		err = serve(o, stdout, lines)
	}
	if err != nil {
		fmt.Fprintf(lines, "chatd: %v\n", err)
		return exitRefused
	}
	return exitOK
}

// serve wires the parts together and runs the loop.
func serve(o options, stdout *os.File, lines *service.LogWriter) error {
	log := lines.Logger(o.logLevel)
	limit, err := linux.RaiseDescriptorLimit()
	if err != nil {
		return err
	}
	if o.poller == "select" {
		limit = min(limit, unix.FD_SETSIZE)
	}
	o.limits.Users, err = linux.Capacity(limit, o.limits.Users)
	if err != nil {
		return err
	}
	memory := linux.MemoryLimit()
	if o.maxBuffer == 0 {
		o.maxBuffer = max(lowestBuffer, min(memory, 1<<30)/4)
	}
	// The garbage collector lets the heap grow to twice what is in use, but not near this limit.
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(o.maxBuffer + min(baseMemory, memory/4)))
	}
	// The Go runtime opens a poller of its own at its first timer, and dies if no descriptor is left
	// then: make it do so now.
	time.Sleep(time.Nanosecond)

	kernel, err := linux.New(o.poller)
	if err != nil {
		return err
	}
	wake, err := linux.NewWake()
	if err != nil {
		return err
	}
	listeners, err := service.Inherit(o.keepalive)
	inherited := len(listeners) > 0
	if err == nil && !inherited {
		listeners, err = linux.ListenAll(o.hosts, o.port, o.keepalive)
	}
	if err != nil {
		return err
	}
	reporter := service.Reporter{
		Log: log, LogWriter: lines, Notifier: service.NewNotifier(), MaxUsers: o.limits.Users, MaxBuffer: o.maxBuffer,
	}
	config := poller.Config{
		Kernel:       kernel,
		Machine:      protocol.NewMachine(o.limits),
		Wake:         wake.Descriptor(),
		SendTimeout:  o.sendTimeout,
		LoginTimeout: o.loginTimeout,
		DrainTimeout: o.drainTimeout,
		MaxBuffer:    o.maxBuffer,
		BusyReply:    protocol.BusyReply(),

		MaxPerAddress: o.maxPerAddress,

		Log:      log,
		Report:   reporter.Report,
		Watchdog: reporter.Notifier.Watchdog(),
	}
	for _, listener := range listeners {
		config.Listeners = append(config.Listeners, listener.FD)
		if path, ok := strings.CutPrefix(listener.Address, "unix:"); ok && !inherited {
			reporter.Sockets = append(reporter.Sockets, path)
		}
	}
	if o.statsFile != "" {
		if reporter.StatsFile, err = service.NewStatsFile(o.statsFile, log); err != nil {
			return err
		}
		config.StatsEvery = service.StatsEvery
	}
	endTrace, err := trace.Wrap(&config, o.poller, o.trace, lines)
	if err != nil {
		return err
	}
	defer endTrace()
	loop, err := poller.NewLoop(config)
	if err != nil {
		return err
	}
	wake.OnSignals(service.Supervised(), func() {
		time.AfterFunc(time.Second, func() { os.Exit(exitRefused) }) // the log may hang too
		log.Error("the loop does not end")
		os.Exit(exitRefused)
	})
	for _, listener := range listeners {
		log.Info("listening", "address", listener.Address, "inherited", inherited, "poller", o.poller,
			"max_users", o.limits.Users, "max_buffer", o.maxBuffer)
	}
	io.WriteString(stdout, "Server is on\n") // TR5; nothing else is written there
	return loop.Run()
}

// baseMemory is what the process may take beside the buffers, in bytes, before the garbage collector runs
// more often.
const baseMemory = 64 << 20

// lowestBuffer is the lowest value of --max-buffer, in bytes.
const lowestBuffer = 1 << 20

// options are the parsed flags.
type options struct {
	hosts         []string
	port          int
	limits        protocol.Limits // Users 0: not given
	maxPerAddress int             // clients; 0: any number
	maxBuffer     int             // bytes; 0: not given
	sendTimeout   time.Duration
	loginTimeout  time.Duration // 0: none
	poller        string        // select, poll or epoll
	drainTimeout  time.Duration
	keepalive     time.Duration // 0: none
	statsFile     string        // empty: none
	logLevel      slog.Level
	trace         string // file; empty: none
	probe         string // address of a server to ask; empty: none
	version       bool
}

func parse(args []string) (options, error) {
	o := options{
		port: 5378, limits: protocol.Limits{Line: 1 << 20, Name: 255},
		sendTimeout: 30 * time.Second, drainTimeout: 5 * time.Second, keepalive: time.Minute, poller: "epoll",
	}
	flags := flag.NewFlagSet("chatd", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	for _, name := range []string{"a", "address"} {
		flags.Func(name, "", func(host string) error {
			o.hosts = append(o.hosts, host)
			return nil
		})
	}
	for _, name := range []string{"p", "port"} {
		flags.Func(name, "", within(&o.port, strconv.Atoi, 0, 65535))
	}
	flags.Func("max-users", "", within(&o.limits.Users, strconv.Atoi, 1, 1<<30))
	flags.Func("max-per-address", "", within(&o.maxPerAddress, strconv.Atoi, 0, 1<<30))
	flags.Func("max-line", "", within(&o.limits.Line, parseSize, 64, 1<<30))
	flags.Func("max-name", "", within(&o.limits.Name, parseSize, 1, state.MaxName))
	flags.Func("max-buffer", "", within(&o.maxBuffer, parseSize, lowestBuffer, 1<<40))
	flags.Func("login-timeout", "", within(&o.loginTimeout, time.ParseDuration, 0, 24*time.Hour))
	flags.Func("send-timeout", "", within(&o.sendTimeout, time.ParseDuration, time.Millisecond, 24*time.Hour))
	flags.Func("keepalive", "", within(&o.keepalive, wholeSeconds, 0, linux.MaxKeepalive))
	flags.Func("poller", "", oneOf(&o.poller, "select", "poll", "epoll"))
	flags.Func("drain-timeout", "", within(&o.drainTimeout, time.ParseDuration, 0, 24*time.Hour))
	flags.StringVar(&o.statsFile, "stats-file", "", "")
	flags.TextVar(&o.logLevel, "log-level", o.logLevel, "")
	flags.StringVar(&o.trace, "trace", "", "")
	flags.Func("probe", "", func(address string) error {
		o.probe = address
		_, _, err := net.SplitHostPort(address)
		return err
	})
	flags.BoolVar(&o.version, "version", false, "")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.hosts == nil {
		o.hosts = []string{"127.0.0.1"}
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return o, nil
}

// within makes the parser of a flag that has a lowest and a highest value.
func within[T int | time.Duration](
	value *T, read func(string) (T, error), lowest, highest T,
) func(string) error {
	return func(text string) error {
		v, err := read(text)
		if err != nil || v < lowest || v > highest {
			return fmt.Errorf("must be from %v to %v", lowest, highest)
		}
		*value = v
		return nil
	}
}

// oneOf makes the parser of a flag that is one of a few words.
func oneOf(value *string, names ...string) func(string) error {
	return func(text string) error {
		if !slices.Contains(names, text) {
			return fmt.Errorf("must be one of %s", strings.Join(names, ", "))
		}
		*value = text
		return nil
	}
}

// wholeSeconds parses a time that the kernel takes in seconds.
func wholeSeconds(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if d%time.Second != 0 {
		return 0, strconv.ErrSyntax
	}
	return d, err
}

// parseSize parses a number of bytes: 4096, 4KiB or 1MiB.
func parseSize(text string) (int, error) {
	shift := 0
	if digits, ok := strings.CutSuffix(text, "KiB"); ok {
		text, shift = digits, 10
	} else if digits, ok := strings.CutSuffix(text, "MiB"); ok {
		text, shift = digits, 20
	}
	n, err := strconv.Atoi(text)
	if n > math.MaxInt>>shift {
		return 0, strconv.ErrRange
	}
	return n << shift, err
}

// version is what the build recorded.
func version() string {
	info, _ := debug.ReadBuildInfo()
	revision := "unknown revision"
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = s.Value
		}
	}
	return fmt.Sprintf("chatd %s (%s, %s)", info.Main.Version, revision, runtime.Version())
}
