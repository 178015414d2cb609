package docs_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// dissect runs tshark with the dissector on a capture and returns a row for each frame in which a
// line ends: the fields, joined by a blank; a field that the frame has several times, by a '|'.
func dissect(t *testing.T, c *capture, fields string, options ...string) (rows []string) {
	t.Helper()
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skipf("no tshark to run the dissector: %v", err)
	}
	const script = "../../docs/chatd.lua"
	if _, err := os.Stat(script); err != nil { // which also tells the cache of go test what this depends on
		t.Fatal(err)
	}
	args := []string{
		"-X", "lua_script:" + script, "-r", c.write(t), "-n", "-Y", "chatd",
		"-T", "fields", "-E", "separator=/s", "-E", "aggregator=|",
	}
	for _, field := range strings.Fields(fields) {
		args = append(args, "-e", field)
	}
	var stdout, stderr bytes.Buffer
	command := exec.Command(tshark, append(args, options...)...)
	command.Stdout, command.Stderr = &stdout, &stderr
	command.Env = append(command.Environ(), "HOME="+t.TempDir()) // not the settings of a user
	if err := command.Run(); err != nil || strings.Contains(stderr.String(), "chatd.lua") {
		t.Fatalf("%v: %v\n%s", command, err, &stderr)
	}
	return strings.Split(strings.TrimRight(stdout.String(), "\n"), "\n")
}

func expectRows(t *testing.T, rows []string, expected ...string) {
	t.Helper()
	if !slices.Equal(rows, expected) {
		t.Errorf("tshark shows\n\t%s\nexpected\n\t%s", strings.Join(rows, "\n\t"), strings.Join(expected, "\n\t"))
	}
}

// What a student sees of a conversation: several lines in a segment, a line over several segments,
// deliveries between the answers, and for each request the frame of its answer.
func TestDissectorFollowsAConversation(t *testing.T) {
	c := newCapture()
	alice, bob := c.connect(40001, 5378), c.connect(40002, 5378)
	login := alice.say(fromClient, "HELLO-FROM alice\r\n")
	hello := alice.say(fromServer, "HELLO alice\n")
	bob.say(fromClient, "HELLO-")
	bob.say(fromClient, "FROM b\xc3\xb6")
	loginBob := bob.say(fromClient, "b\n")
	helloBob := bob.say(fromServer, "HELLO b\xc3\xb6b\n")
	alice.say(fromClient, "LIST\nSEND  b\xc3\xb6b  two  words \r")
	asked := alice.say(fromClient, "\nLIST \nNO") // three lines end in two frames, and a fourth begins
	told := bob.say(fromServer, "DELIVERY alice  two  words \n")
	said := bob.say(fromClient, "SEND alice SEND bob x\nSEND eve x\n")
	answered := alice.say(fromServer, "LIST-OK alice,b\xc3\xb6b\nDELIVERY b\xc3\xb6b SEND bob x\nSEND-")
	rest := alice.say(fromServer, "OK\nBAD-RQST-BODY\n")
	answeredBob := bob.say(fromServer, "SEND-OK\nBAD-DEST-USER\n")

	expectRows(t, dissect(t, c, "frame.number chatd.verb chatd.to chatd.from chatd.message"),
		fmt.Sprint(login, " HELLO-FROM   "),
		fmt.Sprint(hello, " HELLO   "),
		fmt.Sprint(loginBob, " HELLO-FROM   "),
		fmt.Sprint(helloBob, " HELLO   "),
		fmt.Sprint(asked-1, " LIST   "),
		fmt.Sprint(asked, " SEND|LIST böb   two  words "),
		fmt.Sprint(told, " DELIVERY  alice  two  words "),
		fmt.Sprint(said, " SEND|SEND alice|eve  SEND bob x|x"),
		fmt.Sprint(answered, " LIST-OK|DELIVERY  böb SEND bob x"),
		fmt.Sprint(rest, " SEND-OK|BAD-RQST-BODY   "),
		fmt.Sprint(answeredBob, " SEND-OK|BAD-DEST-USER   "))
	for _, passes := range [][]string{nil, {"-2"}} { // in one pass what comes later is not known yet
		rows := dissect(t, c, "frame.number chatd.response_to chatd.name chatd.users", passes...)
		expectRows(t, rows,
			fmt.Sprint(login, "  alice "),
			fmt.Sprint(hello, " ", login, " alice "),
			fmt.Sprint(loginBob, "  böb "),
			fmt.Sprint(helloBob, " ", loginBob, " böb "),
			fmt.Sprint(asked-1, "   "),
			fmt.Sprint(asked, "  böb "),
			fmt.Sprint(told, "  alice "),
			fmt.Sprint(said, "  alice|eve "),
			fmt.Sprint(answered, " ", asked-1, " böb alice|böb"),
			fmt.Sprint(rest, " ", asked, "|", asked, "  "),
			fmt.Sprint(answeredBob, " ", said, "|", said, "  "))
	}
	expectRows(t, dissect(t, c, "frame.number chatd.response_in chatd.time", "-2", "-Y", "chatd.response_in"),
		fmt.Sprint(login, " ", hello, " "),
		fmt.Sprint(loginBob, " ", helloBob, " "),
		fmt.Sprint(asked-1, " ", answered, " "),
		fmt.Sprint(asked, " ", rest, "|", rest, " "),
		fmt.Sprint(said, " ", answeredBob, "|", answeredBob, " "))
	expectRows(t, dissect(t, c, "frame.number chatd.time", "-Y", "chatd.delivery || chatd.time > 0.0035"),
		fmt.Sprint(told, " "),
		fmt.Sprint(answered, " 0.004000000"),
		fmt.Sprint(rest, " 0.004000000|0.004000000"))
}

// Wherever the segments are cut, and whatever of them is lost, comes twice or comes late, the lines
// are the same (C1).
func TestDissectorSeesTheSameLinesInAnyCut(t *testing.T) {
	const said = "HELLO-FROM alice\r\nLIST\nSEND bob a message\nSEND bob another one\nLIST\r\n"
	const expected = "HELLO-FROM LIST SEND SEND LIST"
	cuts := []int{1, 2, 3, 5, 7, 11, 16, 17, 18, 19, 23, 40, len(said)}
	for _, c := range []struct {
		story   string
		say     func(s *capturedStream, first, second string)
		options []string
	}{
		{"each once", func(s *capturedStream, first, second string) {
			s.say(fromClient, first)
			s.say(fromClient, second)
		}, nil},
		{"each twice", func(s *capturedStream, first, second string) {
			s.say(fromClient, first)
			s.again(fromClient, len(first), first)
			s.say(fromClient, second)
		}, nil},
		{"a retransmission with something new", func(s *capturedStream, first, second string) {
			s.say(fromClient, first)
			s.again(fromClient, len(first), first+second)
		}, []string{"-o", "tcp.reassemble_out_of_order:TRUE"}},
		{"the second one first", func(s *capturedStream, first, second string) {
			if second == "" {
				s.say(fromClient, first)
				return
			}
			s.again(fromClient, -len(first), second)
			s.again(fromClient, len(first)+len(second), first)
		}, []string{"-o", "tcp.reassemble_out_of_order:TRUE"}},
	} {
		capture := newCapture()
		for i, cut := range cuts {
			s := capture.connect(uint16(40000+i), 5378)
			for text := said; len(text) > 0; {
				first := text[:min(cut, len(text))]
				second := text[len(first):min(2*cut, len(text))]
				c.say(s, first, second)
				text = text[len(first)+len(second):]
			}
		}
		verbs := make([][]string, len(cuts))
		for _, row := range dissect(t, capture, "tcp.stream chatd.verb", c.options...) {
			var number int
			var here string
			if _, err := fmt.Sscan(row, &number, &here); err != nil {
				t.Fatalf("tshark shows %q: %v", row, err)
			}
			verbs[number] = append(verbs[number], strings.Split(here, "|")...)
		}
		for i, cut := range cuts {
			if got := strings.Join(verbs[i], " "); got != expected {
				t.Errorf("%s, in segments of %d bytes: tshark shows %s, expected %s", c.story, cut, got, expected)
			}
		}
	}
}

// What a student should notice is marked: a line that is too long before login, bytes that are no
// UTF-8, and a server that answers what it was not asked, or not in order (PR12).
func TestDissectorMarksWhatIsOdd(t *testing.T) {
	c := newCapture()
	s := c.connect(40001, 5378)
	s.say(fromClient, "HELLO-FROM "+strings.Repeat("n", 255)+"\r\n") // just not too long
	s.say(fromServer, "HELLO n\n")
	long := s.say(fromClient, "HELLO-FROM "+strings.Repeat("n", 256)+"\n")
	s.say(fromServer, "BAD-RQST-HDR\n")
	s.say(fromClient, "SEND n \xe2\x82\xac\xf0\x9f\x99\x82\xc3\xa4\n") // valid, of two to four bytes
	broken := s.say(fromClient, "SEND n \xe2\x82\n")
	s.say(fromClient, "SEND n \xed\xa0\x80\n")         // a surrogate
	s.say(fromClient, "SEND n \xc0\xaf\n")             // a slash in two bytes
	s.say(fromClient, "SEND n \xc3\xe2\x82\xac\xa4\n") // something valid inside of something
	s.say(fromServer, "SEND-OK\nSEND-OK\nSEND-OK\n")
	unfit := s.say(fromServer, "LIST-OK n\n")
	s.say(fromServer, "BAD-DEST-USER\n")
	unasked := s.say(fromServer, "SEND-OK\n")
	const fields = "frame.number chatd.long chatd.utf8 chatd.unfit chatd.unasked"
	rows := dissect(t, c, fields, "-Y", "chatd.long || chatd.utf8 || chatd.unfit || chatd.unasked")
	marked := make([]string, len(rows))
	for i, row := range rows { // the number is followed by a blank for each field before the one that is set
		number, mark, _ := strings.Cut(row, " ")
		marked[i] = fmt.Sprint(number, " ", len(mark)-len(strings.TrimLeft(mark, " ")))
	}
	expectRows(t, marked,
		fmt.Sprint(long, " 0"),
		fmt.Sprint(broken, " 1"), fmt.Sprint(broken+1, " 1"), fmt.Sprint(broken+2, " 1"), fmt.Sprint(broken+3, " 1"),
		fmt.Sprint(unfit, " 2"), fmt.Sprint(unasked, " 3"))
}

// The dissector claims port 5378 and guesses nothing; Decode As brings it to another port.
func TestDissectorIsForOnePort(t *testing.T) {
	c := newCapture()
	s := c.connect(5000, 6000)
	s.say(fromClient, "HELLO-FROM alice\n")
	s.say(fromServer, "HELLO alice\n")
	expectRows(t, dissect(t, c, "chatd.verb"), "")
	expectRows(t, dissect(t, c, "chatd.verb chatd.response_to", "-d", "tcp.port==6000,chatd"),
		"HELLO-FROM ", "HELLO 4")
}
