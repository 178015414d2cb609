package servers_test

import (
	"fmt"
	"strings"
	"testing"

	"chatd/internal_test/contender"
	"chatd/internal_test/conversation"
	"chatd/internal_test/daemon"
	"chatd/internal_test/player"
)

// The conversations of protocol/testdata, which chatd's own tests hold with the daemon, are held
// with every server.
func TestConversations(t *testing.T) {
	each(t, func(t *testing.T, s contender.Contender) {
		conversation.Each(t, func(t *testing.T, talk *conversation.Conversation) {
			t.Parallel()
			if reason := unplayed[strings.TrimPrefix(t.Name(), "TestConversations/")]; reason != "" {
				t.Skipf("this server does not hold it: %s", reason)
			}
			player.New(t, &player.TCP{Address: start(t, s, talk.Flags()...).Address}).Hold(talk)
		})
	})
}

// PR12: a sender hears SEND-OK only after its DELIVERY is with the kernel, which has no room for
// this one before the target reads.
func TestReceipt(t *testing.T) {
	each(t, func(t *testing.T, s contender.Contender) {
		d := start(t, s)
		sender, witness := d.Login(t, "sender"), d.Login(t, "witness")
		target := d.Login(t, "target", daemon.ReceiveBuffer(4<<10))
		long := strings.Repeat("x", 900_000)
		sender.Line("SEND target " + long)
		for range 2 { // when as much has been heard of the witness, all has been heard of the sender
			witness.Line("SEND witness " + long)
			witness.Expect("DELIVERY witness "+long, "SEND-OK")
		}
		if !sender.IsQuiet() {
			t.Fatalf("the sender heard %q while its target had not read anything", sender.Hear())
		}
		target.Expect("DELIVERY sender " + long)
		sender.Expect("SEND-OK")
	})
}

// Lines mean the same however they are cut into packets.
func TestCuts(t *testing.T) {
	const said = "HELLO-FROM a\r\nSEND a one two\nLIST\nSEND b x\n\nSEND a\n"
	heard := []string{"HELLO a", "DELIVERY a one two", "SEND-OK", "LIST-OK a", "BAD-DEST-USER", "BAD-RQST-HDR", "BAD-RQST-BODY"}
	each(t, func(t *testing.T, s contender.Contender) {
		d := start(t, s)
		for size := 1; size <= len(said); size++ {
			c := d.Dial(t)
			for rest := said; rest != ""; {
				n := min(size, len(rest))
				c.Send(rest[:n])
				rest = rest[n:]
			}
			c.Expect(heard...)
			c.Leave()
		}
	})
}

// Many messages in flight are delivered in order and answered one for one.
func TestInFlight(t *testing.T) {
	const depth, rounds = 16, 20
	each(t, func(t *testing.T, s contender.Contender) {
		d := start(t, s)
		sender, target := d.Login(t, "sender"), d.Login(t, "target")
		for round := range rounds {
			var lines []string
			for i := range depth {
				lines = append(lines, fmt.Sprintf("SEND target %d.%d", round, i))
			}
			sender.Line(lines...)
			for i := range depth {
				target.Expect(fmt.Sprintf("DELIVERY sender %d.%d", round, i))
				sender.Expect("SEND-OK")
			}
		}
	})
}

// A full server says BUSY and lets the client try again (PR15), a name that is in use IN-USE (PR5);
// a name is free and a place too when its holder has gone (TR3).
func TestLogin(t *testing.T) {
	each(t, func(t *testing.T, s contender.Contender) {
		d := start(t, s, "--max-users", "2")
		a, c := d.Login(t, "a"), d.Dial(t)
		c.Line("HELLO-FROM a")
		c.ExpectClosing("IN-USE")
		b := d.Login(t, "b")
		a.Line("LIST", "HELLO-FROM c")
		a.Expect("LIST-OK a,b", "BAD-RQST-HDR")
		late := d.Dial(t)
		late.Line("HELLO-FROM late")
		late.Expect("BUSY")
		b.Leave()
		daemon.Await(t, "there is room again", func() bool {
			late.Line("HELLO-FROM late")
			return late.Hear() == "HELLO late"
		})
		a.Line("LIST")
		a.Expect("LIST-OK a,late")
	})
}
