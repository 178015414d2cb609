// Chatd is a chat server: clients log in with a name, list who is here, and send each other lines.
// One thread serves them all from one epoll loop.
//
// This file is the whole program: flags, capacity, listener, machine, loop, and one line on stdout.
// What the parts promise stands at the top of each package; docs/reading.md says in which order to
// read them.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"chatd/poller"
	"chatd/poller/trace"
	"chatd/protocol"

	"golang.org/x/sys/unix"
)

const usage = `usage: chatd [flags]

Serve the chat protocol on one TCP port until a signal comes.

  -a, --address HOST       address or name to listen on (default 127.0.0.1)
  -p, --port PORT          port, 0 for any free one (default 5378)
      --max-users N        users logged in at a time; the next one is told BUSY
                           (default: what the limit of open descriptors allows
                           less 48, and at most 1048576)
      --max-line SIZE      longest line of a user, in bytes, KiB or MiB
                           (default 1MiB; before login always 4KiB at most)
      --max-buffer SIZE    most that is kept for all clients together, input and
                           output; who holds most is closed (default 256MiB)
      --login-timeout TIME close a client that does not log in for so long
                           (default 0: never)
      --send-timeout TIME  close a client that takes nothing of what is queued
                           for it for so long (default 30s)
      --poller NAME        system call to wait with: select (for descriptors
                           below 1024), poll or epoll (default epoll)
      --log-level LEVEL    debug, info, warn or error (default info)
      --trace FILE         write down what happens, turn by turn, up to 64 MiB:
                           as text, or for a trace viewer if FILE ends in .json;
                           - is text to stderr
      --version            print the version and exit
      --help               print this text and exit

SIGTERM, SIGINT and SIGHUP stop it: what is queued still leaves, for 5 s at
most. A second signal ends it at once. Exit status: 0 stopped, 1 refused by the
system, 2 wrong usage.
`

const (
	exitOK      = 0
	exitRefused = 1 // the system said no
	exitUsage   = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the program. What it has to say to the person who starts it is one line on stderr.
func run(args []string, stdout, stderr *os.File) int {
	signal.Ignore(unix.SIGPIPE) // a reader of stdout or stderr that has gone is no reason to go as well
	o, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		io.WriteString(stdout, usage)
		return exitOK
	case err != nil:
		fmt.Fprintf(stderr, "chatd: %v (see chatd --help)\n", err)
		return exitUsage
	case o.version:
		fmt.Fprintln(stdout, version())
		return exitOK
	}
	if err := serve(o, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "chatd: %v\n", err)
		return exitRefused
	}
	return exitOK
}

// serve wires the parts together and leaves the rest to the loop.
func serve(o options, stdout, stderr *os.File) error {
	lines := poller.NewLogWriter(int(stderr.Fd()))
	log := slog.New(slog.NewTextHandler(lines, &slog.HandlerOptions{Level: o.logLevel}))
	limit, err := poller.RaiseDescriptorLimit()
	if err != nil {
		return err
	}
	if o.poller == "select" {
		limit = min(limit, unix.FD_SETSIZE)
	}
	maxUsers, err := capacity(limit, o.maxUsers)
	if err != nil {
		return err
	}
	// The collector may let the heap grow to twice what is in use; not so near the bound.
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(o.maxBuffer) + baseMemory)
	}
	// The Go runtime makes a poller of its own when it first needs a timer, and dies if no
	// descriptor is left then. Let it have it now.
	time.Sleep(time.Nanosecond)

	kernel, err := newKernel(o.poller)
	if err != nil {
		return err
	}
	wake, err := poller.NewWake()
	if err != nil {
		return err
	}
	listener, address, err := poller.Listen(o.host, o.port)
	if err != nil {
		return err
	}
	config := poller.Config{
		Kernel:       kernel,
		Machine:      protocol.NewMachine(maxUsers, o.maxLine),
		Listener:     listener,
		Wake:         wake.Descriptor(),
		SendTimeout:  o.sendTimeout,
		LoginTimeout: o.loginTimeout,
		MaxBuffer:    o.maxBuffer,
		Refusal:      protocol.Refusal(),
		Log:          log,
	}
	endTrace, err := trace.Wrap(&config, o.trace, lines)
	if err != nil {
		return err
	}
	defer endTrace()
	loop, err := poller.NewLoop(config)
	if err != nil {
		return err
	}
	stopOnSignal(wake)
	log.Info("listening", "address", address, "poller", o.poller, "max_users", maxUsers)
	io.WriteString(stdout, "Server is on\n") // TR5; the only thing ever said there
	return loop.Run()
}

// newKernel makes the Kernel that waits in the way that was asked for.
func newKernel(name string) (poller.Kernel, error) {
	switch name {
	case "select":
		return new(poller.Select), nil
	case "poll":
		return new(poller.Poll), nil
	}
	return poller.NewEpoll()
}

// stopOnSignal has the loop asked to stop at each signal that means it, from now on. Under nohup
// SIGHUP stays ignored.
func stopOnSignal(wake poller.Wake) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT)
	if !signal.Ignored(unix.SIGHUP) {
		signal.Notify(signals, unix.SIGHUP)
	}
	go func() {
		for range signals {
			wake.Stop()
		}
	}()
}

// Descriptors that users cannot have: 16 for ourselves and what we may have inherited, and 32 so
// that there is room for those who have not logged in yet and those whose last words are on the
// way.
const reserve = 48

// maxUsersDefault bounds the default where the limit of descriptors is no bound at all.
const maxUsersDefault = 1 << 20

// capacity is how many users there may be with so many descriptors. asked is 0 if nothing was asked
// for.
func capacity(limit uint64, asked int) (users int, err error) {
	fits := int(min(limit, 1<<30)) - reserve
	switch {
	case fits < 1:
		return 0, fmt.Errorf("the limit of %d open descriptors leaves none for users: it must be above %d",
			limit, reserve)
	case asked > fits:
		return 0, fmt.Errorf("--max-users %d does not fit the limit of %d open descriptors: at most %d do",
			asked, limit, fits)
	case asked > 0:
		return asked, nil
	}
	return min(fits, maxUsersDefault), nil
}

// baseMemory is what the process may take beside the buffers, in bytes, before the collector works
// harder.
const baseMemory = 64 << 20

// options are the flags, understood.
type options struct {
	host         string
	port         int
	maxUsers     int // 0: not given
	maxLine      int // bytes
	maxBuffer    int // bytes
	sendTimeout  time.Duration
	loginTimeout time.Duration // 0: none
	poller       string        // select, poll or epoll
	logLevel     slog.Level
	trace        string // file; empty: none
	version      bool
}

func parse(args []string) (options, error) {
	o := options{
		host: "127.0.0.1", port: 5378, maxLine: 1 << 20, maxBuffer: 256 << 20,
		sendTimeout: 30 * time.Second, poller: "epoll",
	}
	flags := flag.NewFlagSet("chatd", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	for _, name := range []string{"a", "address"} {
		flags.StringVar(&o.host, name, o.host, "")
	}
	for _, name := range []string{"p", "port"} {
		flags.Func(name, "", within(&o.port, strconv.Atoi, 0, 65535))
	}
	flags.Func("max-users", "", within(&o.maxUsers, strconv.Atoi, 1, 1<<30))
	flags.Func("max-line", "", within(&o.maxLine, parseSize, 64, 1<<30))
	flags.Func("max-buffer", "", within(&o.maxBuffer, parseSize, 1<<20, 1<<40))
	flags.Func("login-timeout", "", within(&o.loginTimeout, time.ParseDuration, 0, 24*time.Hour))
	flags.Func("send-timeout", "", within(&o.sendTimeout, time.ParseDuration, time.Millisecond, 24*time.Hour))
	flags.Func("poller", "", oneOf(&o.poller, "select", "poll", "epoll"))
	flags.TextVar(&o.logLevel, "log-level", o.logLevel, "")
	flags.StringVar(&o.trace, "trace", "", "")
	flags.BoolVar(&o.version, "version", false, "")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return o, nil
}

// within makes the reader of a flag that has a lowest and a highest value.
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

// oneOf makes the reader of a flag that names one of a few things.
func oneOf(value *string, names ...string) func(string) error {
	return func(text string) error {
		if !slices.Contains(names, text) {
			return fmt.Errorf("must be one of %s", strings.Join(names, ", "))
		}
		*value = text
		return nil
	}
}

// parseSize reads a number of bytes, as 4096, 4KiB or 1MiB.
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

// version is what the build knows of itself.
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
