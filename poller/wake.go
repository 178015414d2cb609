package poller

import (
	"encoding/binary"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// A Wake is how a signal reaches the loop. Go delivers signals to a goroutine of its own, while the
// loop sleeps in the kernel; an eventfd (eventfd(2)), which the loop waits for like for any other
// descriptor, brings the two together. It is a counter of 64 bits: asking to stop adds one to its
// lower half, asking for the figures to its upper half, and reading takes it all.
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

// Report asks the loop to log its figures. It may be called from any goroutine.
func (w Wake) Report() error { return w.add(1 << 32) }

func (w Wake) add(n uint64) error {
	var count [8]byte
	binary.NativeEndian.PutUint64(count[:], n)
	_, err := unix.Write(w.fd, count[:])
	return os.NewSyscallError("write", err)
}

// OnSignals has signals ask from now on: SIGTERM, SIGINT and SIGHUP to stop, SIGUSR1 for the
// figures. Under nohup SIGHUP stays ignored.
func (w Wake) OnSignals() {
	stops, reports := make(chan os.Signal, 2), make(chan os.Signal, 1) // no flood of one hides the other
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

// readWake returns how often a wake was asked for what since the last time.
func readWake(k Kernel, fd int) (stops, reports uint32, err error) {
	var count [8]byte
	if _, err := k.Read(fd, count[:]); err != nil && !isTransient(err) {
		return 0, 0, os.NewSyscallError("read", err)
	}
	n := binary.NativeEndian.Uint64(count[:])
	return uint32(n), uint32(n >> 32), nil
}
