package service

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// probeTimeout is how long Probe waits, for the connection and the answer together.
const probeTimeout = 5 * time.Second

// Probe asks the server at an address whether its loop turns. A connect would succeed without it, since
// the kernel completes that. So the probe ends its output and expects the end of the input, which comes
// only when the loop has accepted the connection, read its end and closed it. No user's place is taken,
// and the figures count an orderly end (eof).
func Probe(address string) error {
	deadline := time.Now().Add(probeTimeout)
	conn, err := (&net.Dialer{Deadline: deadline}).Dial("tcp", address)
	if err != nil {
		return fmt.Errorf("--probe: %w", err)
	}
	defer conn.Close()
	conn.SetDeadline(deadline)
	err = conn.(*net.TCPConn).CloseWrite()
	if err == nil {
		_, err = io.Copy(io.Discard, conn) // BUSY is an answer too
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return fmt.Errorf("--probe: the loop at %s does not answer", address)
	}
	return err
}
