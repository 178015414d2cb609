package linux

import (
	"encoding/binary"
	"os"
	"os/signal"

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

// OnSignals makes signals call Stop (SIGTERM, SIGINT, SIGHUP) and Report (SIGUSR1) from now on. Under
// nohup SIGHUP stays ignored.
func (w Wake) OnSignals() {
	stops, reports := make(chan os.Signal, 2), make(chan os.Signal, 1) // a flood of one does not hide the other
	signal.Notify(stops, unix.SIGTERM, unix.SIGINT)
	if !signal.Ignored(unix.SIGHUP) {
		signal.Notify(stops, unix.SIGHUP)
	}
	signal.Notify(reports, unix.SIGUSR1)
	go func() {
		for {
			select {
			case <-stops:
				w.Stop()
			case <-reports:
				w.Report()
			}
		}
	}()
}
