package linux

import (
	"encoding/binary"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

// A Wake brings signals to the loop. Go delivers signals to a goroutine, while the loop sleeps in the
// kernel; so the goroutine adds to an eventfd (eventfd(2)), and the loop waits for that like for any
// other descriptor. It is a counter of 64 bits: a request to stop adds one to the lower half, a request
// to report adds one to the upper half, and a read takes both.
type Wake struct{ fd int }

// NewWake makes a wake, which is closed with the process.
func NewWake() (Wake, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	return Wake{fd}, os.NewSyscallError("eventfd", err)
}

// Descriptor is what the loop waits for.
func (w Wake) Descriptor() int { return w.fd }

// Stop asks the loop to stop. It may be called from any goroutine.
func (w Wake) Stop() error { return w.add(1) }

// Report asks the loop to report its figures. It may be called from any goroutine.
func (w Wake) Report() error { return w.add(1 << 32) }

func (w Wake) add(n uint64) error {
	var count [8]byte
	binary.NativeEndian.PutUint64(count[:], n)
	_, err := unix.Write(w.fd, count[:])
	return os.NewSyscallError("write", err)
}

// endWithin is how long the loop may take to end after the second request to stop.
const endWithin = time.Second

// OnSignals makes signals call Stop (SIGTERM, SIGINT, SIGHUP) and Report (SIGUSR1) from now on. hung is
// called if the loop still runs a second after the second Stop.
//
// SIGHUP means that the terminal has closed. Under nohup it stays ignored, and under a supervisor it is
// ignored too: there is no terminal, and tools for log files send it to make a server reopen its log.
func (w Wake) OnSignals(supervised bool, hung func()) {
	stops, reports := make(chan os.Signal, 2), make(chan os.Signal, 1) // a flood of one does not hide the other
	signal.Notify(stops, unix.SIGTERM, unix.SIGINT)
	switch {
	case supervised:
		signal.Ignore(unix.SIGHUP)
	case !signal.Ignored(unix.SIGHUP):
		signal.Notify(stops, unix.SIGHUP)
	}
	signal.Notify(reports, unix.SIGUSR1)
	go func() {
		for n := 0; ; {
			select {
			case <-stops:
				w.Stop()
				if n++; n == 2 {
					time.AfterFunc(endWithin, hung)
				}
			case <-reports:
				w.Report()
			}
		}
	}()
}
