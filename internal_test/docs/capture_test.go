package docs_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A capture is a file as tcpdump writes it (pcap-savefile(5)), made without a network: what stands
// in which segment is the test's to say. Checksums are left 0.
type capture struct {
	file  []byte
	count uint32 // packets so far
}

// A capturedStream is one TCP connection of a capture, between a client and a server.
type capturedStream struct {
	*capture
	ports [2]uint16 // of the client and of the server
	sent  [2]uint32 // bytes of each side that have been captured, SYN included
}

const (
	fromClient = 0
	fromServer = 1

	linkTypeRaw = 101 // packets begin with their IP header
	ipHeader    = 20
	tcpHeader   = 20

	flagFin = 0x01
	flagSyn = 0x02
	flagPsh = 0x08
	flagAck = 0x10
)

func newCapture() *capture {
	file := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	file = binary.LittleEndian.AppendUint16(file, 2) // version 2.4
	file = binary.LittleEndian.AppendUint16(file, 4)
	file = append(file, make([]byte, 8)...)                // time zone, accuracy
	file = binary.LittleEndian.AppendUint32(file, 256<<10) // longest packet
	return &capture{file: binary.LittleEndian.AppendUint32(file, linkTypeRaw)}
}

// connect captures a handshake.
func (c *capture) connect(clientPort, serverPort uint16) *capturedStream {
	s := &capturedStream{capture: c, ports: [2]uint16{clientPort, serverPort}}
	s.segment(fromClient, 0, flagSyn, "")
	s.sent[fromClient]++
	s.segment(fromServer, 0, flagSyn|flagAck, "")
	s.sent[fromServer]++
	s.segment(fromClient, s.sent[fromClient], flagAck, "")
	return s
}

// say captures the next segment of one side and returns its frame number.
func (s *capturedStream) say(from int, text string) (frame uint32) {
	s.segment(from, s.sent[from], flagPsh|flagAck, text)
	s.sent[from] += uint32(len(text))
	return s.count
}

// again captures a segment that begins so many bytes back from what one side has sent.
func (s *capturedStream) again(from int, back int, text string) {
	s.segment(from, s.sent[from]-uint32(back), flagPsh|flagAck, text)
	s.sent[from] += uint32(max(0, len(text)-back))
}

// segment captures a packet, a millisecond after the last one.
func (s *capturedStream) segment(from int, sequence uint32, flags byte, text string) {
	acknowledged := s.sent[1-from]
	if flags&flagAck == 0 {
		acknowledged = 0
	}
	size := ipHeader + tcpHeader + len(text)

	file := binary.LittleEndian.AppendUint32(s.file, s.count/1000)      // seconds
	file = binary.LittleEndian.AppendUint32(file, s.count%1000*1000)    // microseconds
	file = binary.LittleEndian.AppendUint32(file, uint32(size))         // of which captured
	file = binary.LittleEndian.AppendUint32(file, uint32(size))         // and in truth
	file = append(file, 0x45, 0)                                        // IPv4, five words of header
	file = binary.BigEndian.AppendUint16(file, uint16(size))            //
	file = append(file, 0, 0, 0, 0, 64, unix.IPPROTO_TCP, 0, 0)         // not a fragment, 64 hops
	file = append(file, 10, 0, 0, byte(1+from), 10, 0, 0, byte(2-from)) // 10.0.0.1 is the client
	file = binary.BigEndian.AppendUint16(file, s.ports[from])           // RFC 9293, 3.1
	file = binary.BigEndian.AppendUint16(file, s.ports[1-from])         //
	file = binary.BigEndian.AppendUint32(file, 1000+sequence)           //
	file = binary.BigEndian.AppendUint32(file, 1000+acknowledged)       //
	file = append(file, tcpHeader/4<<4, flags, 0xff, 0xff, 0, 0, 0, 0)  // window 64 KiB
	s.file = append(file, text...)
	s.count++
}

// write writes the capture to a file of the test.
func (c *capture) write(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "chat.pcap")
	if err := os.WriteFile(path, c.file, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
