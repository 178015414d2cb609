// Onesend counts the functions that one SEND crosses, from its read to its SEND-OK, on a loop over the
// in-memory kernel:
//
//	go build -cover -covermode atomic -coverpkg chatd/... -o onesend ./internal_test/onesend
//	mkdir cover && GOCOVERDIR=cover ./onesend
//	go tool covdata func -i cover -pkg chatd/state,chatd/protocol,chatd/poller | grep -v '[^0-9]0.0%'
package main

import (
	"io"
	"log"
	"log/slog"
	"os"
	"runtime/coverage"
	"time"

	"chatd/poller"
	"chatd/poller/memkernel"
	"chatd/protocol"
)

func main() {
	kernel := memkernel.New(memkernel.Options{})
	loop, err := poller.NewLoop(poller.Config{
		Kernel: kernel, Machine: protocol.NewMachine(protocol.Limits{Users: 2, Line: 1 << 20, Name: 255}),
		Listeners: []int{memkernel.Listener}, Wake: memkernel.Wake, SendTimeout: 30 * time.Second, MaxBuffer: 1 << 28,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	check(err)
	turns := func(n int) {
		for range n {
			check(loop.Turn())
		}
	}
	a, b := kernel.Connect(), kernel.Connect()
	io.WriteString(a, "HELLO-FROM a\n")
	io.WriteString(b, "HELLO-FROM b\n")
	turns(3)
	io.WriteString(a, "SEND b warm\n")
	turns(2)
	check(coverage.ClearCounters())
	io.WriteString(a, "SEND b hello\n")
	turns(1)
	check(coverage.WriteMetaDir(os.Getenv("GOCOVERDIR")))
	check(coverage.WriteCountersDir(os.Getenv("GOCOVERDIR")))
	os.Unsetenv("GOCOVERDIR") // so that the end of the program writes nothing more
	check(coverage.ClearCounters())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
