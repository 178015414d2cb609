package protocol_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"chatd/protocol"
)

// The texts of the contract that always read the same.
const (
	sendOK      = "SEND-OK\n"
	badDestUser = "BAD-DEST-USER\n"
	badRqstHdr  = "BAD-RQST-HDR\n"
	badRqstBody = "BAD-RQST-BODY\n"
	inUse       = "IN-USE\n"
	busy        = "BUSY\n"
)

// checkFrame reports what no frame may ever be. The server can say nothing but the contract's
// texts; only an answer that closes is a client's last frame; a receipt travels with a DELIVERY,
// and with no DELIVERY is it missing.
func checkFrame(f protocol.Frame) error {
	line, ended := strings.CutSuffix(string(f.Text), "\n")
	if !ended || strings.Contains(line, "\n") {
		return fmt.Errorf("%.100q is not one line", f.Text)
	}
	mayClose, delivery := false, false
	word, rest, _ := strings.Cut(line, " ")
	ok := rest == "" && !strings.HasSuffix(line, " ")
	switch word + "\n" {
	case sendOK, badDestUser, busy:
	case badRqstHdr, badRqstBody, inUse:
		mayClose = true
	default:
		switch word {
		case "HELLO":
			ok = isName(rest)
		case "LIST-OK":
			ok = true
			for name := range strings.SplitSeq(rest, ",") {
				ok = ok && isName(name)
			}
		case "DELIVERY":
			sender, message, _ := strings.Cut(rest, " ")
			ok, delivery = isName(sender) && message != "", true
		default:
			ok = false
		}
	}
	switch {
	case !ok:
		return fmt.Errorf("%.100q is not in the contract", f.Text)
	case f.Last != "" && !mayClose:
		return fmt.Errorf("%.100q does not close, and is said to be the last", f.Text)
	case delivery != (f.Receipt != protocol.Receipt{}):
		return fmt.Errorf("%.100q has the receipt %v", f.Text, f.Receipt)
	}
	return nil
}

// isName says what a name is (UR1, UR2), in other words than the code does.
func isName(name string) bool {
	return name != "" && utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool {
		return r < 0x20 || r == ' ' || r == ',' || r == 0x7F
	})
}

// The check itself must be able to fail.
func TestCheckFrame(t *testing.T) {
	receipt := protocol.Receipt{Owner: 1 << 32}
	frame := func(text string, receipt protocol.Receipt) protocol.Frame {
		return protocol.Frame{Text: []byte(text), Receipt: receipt}
	}
	for _, text := range []string{
		sendOK, badDestUser, badRqstHdr, badRqstBody, inUse, busy, "HELLO a\n", "LIST-OK a\n", "LIST-OK a,b\n",
	} {
		if err := checkFrame(frame(text, protocol.Receipt{})); err != nil {
			t.Error(err)
		}
		if checkFrame(frame(text, receipt)) == nil {
			t.Errorf("%q passes with a receipt", text)
		}
	}
	if err := checkFrame(frame("DELIVERY a \xff \n", receipt)); err != nil {
		t.Error(err)
	}
	for _, text := range []string{
		"", "\n", "SEND-OK", "SEND-OK\n\n", "SEND-OK \n", "send-ok\n", "BUSY now\n", "OK\n",
		"HELLO\n", "HELLO \n", "HELLO a b\n", "HELLO \xff\n",
		"LIST-OK\n", "LIST-OK \n", "LIST-OK a,\n", "LIST-OK a,,b\n", "LIST-OK a b\n", "DELIVERY a b\n",
	} {
		if checkFrame(frame(text, protocol.Receipt{})) == nil {
			t.Errorf("%q passes", text)
		}
	}
	for _, text := range []string{"DELIVERY a\n", "DELIVERY a \n", "DELIVERY  b\n", "DELIVERY a,b c\n"} {
		if checkFrame(frame(text, receipt)) == nil {
			t.Errorf("%q passes", text)
		}
	}
	if checkFrame(protocol.Frame{Text: []byte(sendOK), Last: protocol.InUse}) == nil {
		t.Error("SEND-OK passes as a last frame")
	}
}
