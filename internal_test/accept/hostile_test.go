package internal_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"chatd/internal_test/daemon"
)

// A5: a hundred clients connect and reset before they are accepted, half of them when they have
// said who they are. Each is accepted all the same and ends at once; none is left in the list.
func TestA5ResetBeforeAccept(t *testing.T) {
	t.Parallel()
	d, log := startLogged(t)
	p := loginPair(t, d)
	d.Signal(t, syscall.SIGSTOP)
	for i := range 100 {
		c := d.Dial(t)
		if i%2 == 0 {
			c.Line(fmt.Sprint("HELLO-FROM ghost", i))
		}
		c.Reset()
	}
	d.Signal(t, syscall.SIGCONT)
	log.expectClosed(t, "reset", 100)
	p.ada.ExpectNothingBefore("LIST", "LIST-OK ada,bob")
	d.CheckInvariants(t, "ada", "bob")
}

// A7: two thousand clients connect in one instant. They are let in a few at a time: a user who says
// something meanwhile is answered before all are here. In the end all are served.
func TestA7BurstOfConnects(t *testing.T) {
	t.Parallel()
	const rounds = 5 // the test itself may be too slow to see that some were not here yet
	d := daemon.Start(t)
	p := loginPair(t, d)
	// A short run has as many: a few turns are over before the test looks.
	burst := make([]*daemon.Client, min(2000, crowd(t, 20_000), somaxconn(t)/2))
	for round := 1; ; round++ {
		before := d.Descriptors(t)
		d.Signal(t, syscall.SIGSTOP)
		for i := range burst {
			burst[i] = d.Dial(t, daemon.From(fmt.Sprint("127.0.1.", round)))
		}
		p.ada.Line("SEND bob meanwhile")
		d.Signal(t, syscall.SIGCONT)
		p.bob.Expect("DELIVERY ada meanwhile")
		p.ada.Expect("SEND-OK")
		d.Signal(t, syscall.SIGSTOP)
		accepted := d.Descriptors(t) - before
		d.Signal(t, syscall.SIGCONT)
		if accepted < len(burst) {
			break
		}
		if round == rounds {
			t.Fatalf("a user was answered only when all %d clients had been accepted, %d times", accepted, rounds)
		}
		for _, c := range burst {
			c.Reset()
		}
		d.AwaitDescriptors(t, 2)
	}
	for i, c := range burst {
		c.Login(fmt.Sprint("u", i))
	}
	p.talk(1)
	for _, c := range burst {
		c.Close()
	}
	d.CheckInvariants(t, "ada", "bob")
}

// somaxconn is how many connections may wait to be accepted.
func somaxconn(t *testing.T) (n int) {
	t.Helper()
	text, err := os.ReadFile("/proc/sys/net/core/somaxconn")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Sscan(string(text), &n)
	return n
}

// B10: five hundred clients are ready in every turn, which is more than the loop takes from the
// kernel at a time, and each has said more than is read at a time. Nobody starves, a newcomer least
// of all.
func TestB10MoreReadyThanATurnTakes(t *testing.T) {
	t.Parallel()
	const each = 100 // messages
	d := daemon.Start(t)
	users := loginAll(t, d, crowd(t, 500))
	message := strings.Repeat("x", 200)
	d.Signal(t, syscall.SIGSTOP)
	for i, c := range users {
		c.Send(strings.Repeat(fmt.Sprintf("SEND u%d %s\n", (i+1)%len(users), message), each))
	}
	late := d.Dial(t)
	late.Line("HELLO-FROM late")
	d.Signal(t, syscall.SIGCONT)
	late.Expect("HELLO late")
	for i, c := range users {
		heard := make(map[string]int)
		for range 2 * each {
			heard[c.Hear()]++
		}
		delivery := fmt.Sprintf("DELIVERY u%d %s", (i+len(users)-1)%len(users), message)
		if heard["SEND-OK"] != each || heard[delivery] != each {
			t.Fatalf("u%d heard %v, expected SEND-OK and %s, %d of each", i, heard, delivery, each)
		}
		c.Close()
	}
	d.CheckInvariants(t, "late")
}

// B11: a client floods the server with small commands, a megabyte at a time, and reads every
// answer, so that nothing slows it down. Two users talk to each other all the while.
func TestB11FloodOfSmallCommands(t *testing.T) {
	t.Parallel()
	const exchanges = 300
	d := daemon.Start(t)
	p := loginPair(t, d)
	flooder := d.Login(t, "flooder")
	flooder.Conn.SetDeadline(time.Time{})
	flood := strings.Repeat("LIST\n", 1<<20/len("LIST\n"))
	go func() {
		for {
			if _, err := io.WriteString(flooder.Conn, flood); err != nil {
				return
			}
		}
	}()
	var answers atomic.Int64
	go func() {
		for buffer := make([]byte, 256<<10); ; {
			n, err := flooder.Lines.Read(buffer)
			if answers.Add(int64(bytes.Count(buffer[:n], []byte("\n")))); err != nil {
				return
			}
		}
	}()
	daemon.Await(t, "the flood has begun", func() bool { return answers.Load() > 0 })
	p.talk(exchanges)
	before := answers.Load()
	daemon.Await(t, "the flood is still on", func() bool { return answers.Load() > before })
	if before < exchanges {
		t.Errorf("%d answers to the flood during %d messages: that was none", before, exchanges)
	}
	flooder.Reset()
	awaitList(t, p.ada, "ada", "bob")
	d.CheckInvariants(t, "ada", "bob")
}

// C4: a thousand clients connect; half of them say nothing, the others a byte now and then, and
// none logs in. With --login-timeout they go, for that reason; who has logged in stays, and notices
// nothing.
func TestC4LoginTimeout(t *testing.T) {
	t.Parallel()
	d, log := startLogged(t, "--login-timeout", "1s")
	p := loginPair(t, d)
	strangers := dialAll(t, d, crowd(t, 1000))
	var over atomic.Bool
	defer over.Store(true)
	go func() {
		for !over.Load() {
			for i := 0; i < len(strangers); i += 2 {
				io.WriteString(strangers[i].Conn, "H")
			}
		}
	}()
	p.talkUntil(t, "all who have not logged in have gone", func() bool {
		return log.closed(t)["login_timeout"] == len(strangers)
	})
	log.expectClosed(t, "login_timeout", len(strangers))
	d.CheckInvariants(t, "ada", "bob")
}

// D9: two clients flood each other and never read. Neither can take anything, so that both come to
// the send timeout and go; nobody else notices.
func TestD9TwoFloodEachOther(t *testing.T) {
	t.Parallel()
	d, log := startLogged(t, "--send-timeout", "500ms")
	p := loginPair(t, d)
	tit, tat := d.Login(t, "tit", daemon.ReceiveBuffer(1)), d.Login(t, "tat", daemon.ReceiveBuffer(1))
	go io.WriteString(tit.Conn, strings.Repeat("SEND tat "+filler+"\n", 1000))
	go io.WriteString(tat.Conn, strings.Repeat("SEND tit "+filler+"\n", 1000))
	p.talkUntil(t, "both have gone", func() bool { return log.closed(t)["send_timeout"] == 2 })
	log.expectClosed(t, "send_timeout", 2)
	p.ada.ExpectNothingBefore("LIST", "LIST-OK ada,bob")
	d.CheckInvariants(t, "ada", "bob")
}
