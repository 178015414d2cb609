package poller

import (
	"encoding/binary"
	"os"

	"golang.org/x/sys/unix"
)

// A Wake is how a signal reaches the loop. Go delivers signals to a goroutine of its own, while the
// loop sleeps in the kernel; an eventfd (eventfd(2)), which the loop waits for like for any other
// descriptor, brings the two together. It is a counter: asking adds one, reading takes it all.
type Wake struct{ fd int }

// NewWake makes a wake, which is closed with the process.
func NewWake() (Wake, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	return Wake{fd}, os.NewSyscallError("eventfd", err)
}

// Descriptor is what the loop waits for.
func (w Wake) Descriptor() int { return w.fd }

// Stop asks the loop to stop. It may be called from any goroutine.
func (w Wake) Stop() error {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, err := unix.Write(w.fd, one[:])
	return os.NewSyscallError("write", err)
}

// readWake returns how often a wake was asked since the last time.
func readWake(k Kernel, fd int) (times uint64, err error) {
	var count [8]byte
	if _, err := k.Read(fd, count[:]); err != nil && !weather(err) {
		return 0, os.NewSyscallError("read", err)
	}
	return binary.NativeEndian.Uint64(count[:]), nil
}
