package trace_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"chatd/poller"
	"chatd/poller/memkernel"
	"chatd/poller/trace"
	"chatd/poller/trace/tracetest"

	"golang.org/x/sys/unix"
)

var update = flag.Bool("update", false, "write the golden file")

// The text of a conversation is the one in the golden file.
func TestText(t *testing.T) {
	const golden = "testdata/talk.txt"
	text := textOf(t, "epoll", (*world).talk)
	if *update {
		if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, want := strings.Split(text, "\n"), strings.Split(string(readFile(t, golden)), "\n")
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("from line %d, the trace is\n%s\nexpected\n%s",
				i+1, strings.Join(got[min(i, len(got)):], "\n"), strings.Join(want[min(i, len(want)):], "\n"))
		}
	}
}

// The question is the one that the poller asks: with select, the bits and the descriptors in the sets;
// with poll, the entries, holes too; with epoll, nothing. Nothing else in the text differs.
func TestTheQuestion(t *testing.T) {
	script := func(w *world) []func() {
		return slices.Concat(w.login(alice, "alice"), w.login(bob, "bob"), w.login(carol, "carol"),
			[]func(){w.room(carol, 0), w.says(bob, "SEND carol hi\n"), func() { w.clients[alice].CloseWrite() }})
	}
	rest := ""
	for method, want := range map[string][3]string{
		"select": {
			"select          5 bits, 2 descriptors to read, 0 to write; no timeout",
			"select          9 bits, 4 descriptors to read, 1 to write; timeout 1m0s",
			"select          9 bits, 3 descriptors to read, 1 to write; timeout 59s",
		},
		"poll": {
			"poll            5 entries, 2 in use; no timeout", "poll            9 entries, 5 in use; timeout 1m0s",
			"poll            9 entries, 4 in use; timeout 59s",
		},
		"epoll": {
			"epoll_wait      nothing, the kernel has the set of 2 descriptors; no timeout",
			"epoll_wait      nothing, the kernel has the set of 5 descriptors; timeout 1m0s",
			"epoll_wait      nothing, the kernel has the set of 4 descriptors; timeout 59s",
		},
	} {
		var asked []string
		others := ""
		for line := range strings.Lines(textOf(t, method, script)) {
			if question, ok := strings.CutPrefix(line, "  wait     "); ok {
				asked = append(asked, strings.TrimSpace(question))
			} else {
				others += line
			}
		}
		for i, at := range []int{0, 7, 8} { // before the first client, with bytes queued for carol, without alice
			if len(asked) < 9 || asked[at] != want[i] {
				t.Fatalf("%s: the questions are\n%s\nexpected, in place %d, %s", method, strings.Join(asked, "\n"), at, want[i])
			}
		}
		if rest == "" {
			rest = others
		}
		if others != rest {
			t.Errorf("%s: the trace is\n%s\nand with another poller\n%s", method, others, rest)
		}
	}
}

// In colours the text is the same, and each line ends without one.
func TestColours(t *testing.T) {
	var out bytes.Buffer
	w := newWorld(t, "epoll", func(c *poller.Config) (func(), error) {
		return trace.WrapWith(c, "epoll", "-", &out, true, trace.Limit)
	})
	w.run(w.talk())
	text := out.String()
	for _, code := range []string{"\x1b[1m", "\x1b[32m", "\x1b[33m", "\x1b[34m"} {
		if !strings.Contains(text, code) {
			t.Errorf("no word has the colour %q", code)
		}
		text = strings.ReplaceAll(text, code, "+")
	}
	for line := range strings.Lines(text) {
		if strings.Count(line, "+") < strings.Count(line, "\x1b[0m") {
			t.Errorf("the colour does not end in %q", line)
		}
	}
	plain := strings.NewReplacer("\x1b[0m", "", "\x1b[1m", "", "\x1b[32m", "", "\x1b[33m", "", "\x1b[34m", "").Replace(out.String())
	if plain != textOf(t, "epoll", (*world).talk) {
		t.Errorf("without colours the text is %s", plain)
	}
}

// jsonOf is the JSON of a conversation, checked whenever the loop sleeps.
func jsonOf(t *testing.T, script func(*world) []func()) (shown *tracetest.Trace) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "trace.json")
	w := newWorld(t, "poll", traceTo("poll", path, nil, trace.Limit))
	waits := 0
	check := func() {
		t.Helper()
		var err error
		if shown, err = tracetest.Check(readFile(t, path)); err != nil {
			t.Fatalf("after %d waits: %v", waits, err)
		}
	}
	w.asleep = func() {
		if check(); shown.Sleeps != waits || shown.End != "" {
			t.Fatalf("before wait %d, the trace shows %d, and %q", waits+1, shown.Sleeps, shown.End)
		}
		waits++
	}
	w.run(script(w))
	if check(); waits < 10 || shown.Sleeps != waits || shown.Turns != waits-strings.Count(w.calls(), "interrupted") {
		t.Errorf("the trace shows %d turns and %d sleeps of %d", shown.Turns, shown.Sleeps, waits)
	}
	return shown
}

// The JSON keeps the rules of its format at every moment at which the loop sleeps. Each SEND's arrow
// goes over the write of its DELIVERY to the write of its SEND-OK, and the counters return to 0.
func TestJSON(t *testing.T) {
	shown := jsonOf(t, (*world).talk)
	if shown.End != "the loop has ended" || shown.Open() != 0 {
		t.Errorf("the trace ends with %q, %d arrows have no end", shown.End, shown.Open())
	}
	if high, last := shown.Highest, shown.Latest; high["users"] != 2 || high["queued bytes"] < 200 || last["users"]+last["queued bytes"] > 0 {
		t.Errorf("the counters are at most %v and %v at the end; expected 2 users, more than 200 bytes, and nothing", high, last)
	}
	if fmt.Sprint(shown.Tracks) != "map[1:the loop 2:alice (6.1) 3:bob (7.1) 4:7.3 5:5.1]" {
		t.Errorf("the tracks are %v", shown.Tracks)
	}
	expectArrows(t, shown, []arrow{
		{"SEND bob hello", "21 of 21 bytes", "8 of 8 bytes"},
		{`SEND bob \x1b[2J`, "23 of 23 bytes", "22 of 22 bytes"},
		{"SEND bob éé", "216 of 216 bytes", "8 of 8 bytes"},
		{"SEND bob wait", "22 of 22 bytes", "8 of 8 bytes"}, // over the second part
		{"SEND bob too late", "", "message 5 to bob (7.1): lost"},
	})
	for _, s := range shown.Slices {
		if s.Name == "sleep" && !strings.HasPrefix(s.Asked, "poll: ") {
			t.Errorf("a sleep asked %q", s.Asked)
		}
	}
}

// An arrow is what its three slices begin with; empty: there is no such slice.
type arrow struct{ from, through, to string }

func expectArrows(t *testing.T, shown *tracetest.Trace, want []arrow) {
	t.Helper()
	is := func(s *tracetest.Slice, what string) bool {
		return s == nil && what == "" || s != nil && what != "" && strings.HasPrefix(strings.TrimPrefix(s.What, `"`), what)
	}
	for i, w := range want {
		a := shown.Arrows[i+1]
		if a == nil || !is(a.From, w.from) || !is(a.Through, w.through) || !is(a.To, w.to) {
			t.Errorf("arrow %d is %+v, expected %+v", i+1, a, w)
		} else if a.To != nil && a.To.Track != a.From.Track || a.Through != nil && a.Through.Name != "write" {
			t.Errorf("arrow %d leads over %q to track %d, expected a write and %d", i+1, a.Through.Name, a.To.Track, a.From.Track)
		}
	}
	if len(shown.Arrows) != len(want) {
		t.Errorf("%d arrows, expected %d", len(shown.Arrows), len(want))
	}
}

// A sender that leaves before its SEND-OK is written has an arrow without an end; a message that is lost
// does not take the SEND-OK of the next; a place in the FIFO of replies may be used again.
func TestArrowsOfSendersThatLeave(t *testing.T) {
	const early, late, stays = 2, 3, 4
	shown := jsonOf(t, func(w *world) []func() {
		return slices.Concat(w.login(0, "bob"), w.login(1, "eve"), w.login(early, "early"), w.login(late, "late"), w.login(stays, "stays"),
			[]func(){
				w.room(0, 0), w.room(late, 0), w.says(early, "SEND bob 1\n"), w.says(late, "SEND eve 2\n"),
				func() { w.clients[early].Reset(); w.clients[late].Reset() },
				w.says(stays, "SEND eve 3\n"),
				w.says(stays, "SEND bob 4\nSEND eve 5\n"),
				func() { w.clients[0].Reset() },
				w.says(stays, "SEND eve 6\n"),
			})
	})
	expectArrows(t, shown, []arrow{
		{"SEND bob 1", "", ""},
		{"SEND eve 2", "16 of 16", ""},
		{"SEND eve 3", "17 of 17", "8 of 8"},
		{"SEND bob 4", "", "message 4 to bob (6.1): lost"},
		{"SEND eve 5", "17 of 17", "22 of 22"},
		{"SEND eve 6", "17 of 17", "8 of 8"},
	})
}

// The loop makes the same calls and clients read the same with a trace as without, whatever happens.
func TestTheLoopDoesTheSame(t *testing.T) {
	for seed := range uint64(20) {
		method := []string{"select", "poll", "epoll"}[seed%3]
		path := filepath.Join(t.TempDir(), []string{"trace.json", "trace.txt"}[seed%2])
		play := func(wrap func(*poller.Config) (func(), error)) (calls, heard string) {
			w := newWorld(t, method, wrap)
			heard = fmt.Sprintf("%q", w.run(w.noise(rand.New(rand.NewPCG(seed, 0)))))
			return w.calls(), heard
		}
		calls, heard := play(untraced)
		tracedCalls, tracedHeard := play(traceTo(method, path, nil, trace.Limit))
		if calls != tracedCalls || heard != tracedHeard {
			t.Fatalf("seed %d: with a trace the calls are\n%s\nwithout\n%s", seed, tracedCalls, calls)
		}
		if seed%2 == 0 {
			if shown, err := tracetest.Check(readFile(t, path)); err != nil || shown.Open() != 0 {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
	}
}

// noise is a script of clients that do anything.
func (w *world) noise(rng *rand.Rand) (script []func()) {
	w.connect()
	for range 300 {
		client, act, n := rng.IntN(1000), rng.IntN(12), rng.IntN(60)
		script = append(script, func() {
			client %= len(w.clients)
			c := w.clients[client]
			switch act {
			case 0, 1:
				w.connect()
			case 2, 3:
				w.says(client, fmt.Sprintf("HELLO-FROM u%d\n", client))()
			case 4, 5, 6, 7:
				w.says(client, strings.Repeat(fmt.Sprintf("SEND u%d %d\nLIST\n", n%len(w.clients), n), 1+n%3))()
			case 8:
				w.room(client, n)()
			case 9:
				w.reads(client)()
			case 10:
				[]func(){c.CloseWrite, c.Close, c.Reset, w.says(client, strings.Repeat("y", maxLine+n)+"\n")}[n%4]()
			case 11:
				w.interrupt, w.Limit = n%3, 5+n
			}
		})
	}
	return script
}

// A trace ends before it has grown past its limit, with whole turns and a last line that says so; the
// log has one line, and the loop goes on.
func TestLimit(t *testing.T) {
	bare := newWorld(t, "epoll", untraced)
	heard := fmt.Sprintf("%q", bare.run(bare.talk()))
	for limit := 2000; limit < 7000; limit += 500 {
		for _, name := range []string{"trace.json", "trace.txt"} {
			path := filepath.Join(t.TempDir(), name)
			w := newWorld(t, "epoll", traceTo("epoll", path, nil, limit))
			if got := fmt.Sprintf("%q", w.run(w.talk())); got != heard {
				t.Fatalf("%s, %d: the clients read %s, expected %s", name, limit, got, heard)
			}
			text := readFile(t, path)
			if len(text) > limit || len(text) < limit-4000 || !bytes.Contains(text[max(0, len(text)-150):], []byte("it has reached its limit")) {
				t.Errorf("%s, %d: the trace has %d bytes, the last are %s", name, limit, len(text), text[max(0, len(text)-150):])
			}
			if log := w.log.String(); strings.Count(log, "the trace has ended") != 1 || !strings.Contains(log, "reason=limit") {
				t.Errorf("%s, %d: the log is %q, expected one line about the limit", name, limit, log)
			}
			if _, err := tracetest.Check(text); err != nil && name == "trace.json" {
				t.Errorf("%d: %v", limit, err)
			}
		}
	}
}

// failing is a writer that fails after so many lines.
type failing int

func (f *failing) Write(p []byte) (int, error) {
	if *f--; *f < 0 {
		return 0, syscall.ENOSPC
	}
	return len(p), nil
}

// When a write fails, the trace ends, the log has one line, and the clients notice nothing.
func TestAWriteFails(t *testing.T) {
	bare, rest := newWorld(t, "epoll", untraced), failing(10)
	w := newWorld(t, "epoll", traceTo("epoll", "-", &rest, trace.Limit))
	if got, want := w.run(w.talk()), bare.run(bare.talk()); !slices.Equal(got, want) {
		t.Errorf("the clients read %q, expected %q", got, want)
	}
	if log := w.log.String(); rest != -1 || strings.Count(log, "the trace has ended") != 1 || !strings.Contains(log, "no space left") {
		t.Errorf("%d further writes, and the log is %q; expected none, and one line that says why", -1-rest, log)
	}
}

// A disk that is full in the middle of a write leaves the turns that were there, and JSON is complete.
func TestAShortWriteIsTakenBack(t *testing.T) {
	for _, name := range []string{"trace.json", "trace.txt"} {
		path, before := filepath.Join(t.TempDir(), name), []byte(nil)
		w := newWorld(t, "epoll", traceTo("epoll", path, nil, trace.Limit))
		// The limit of the size of files is the end of the disk: up to it a write is short.
		var old unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
			t.Fatal(err)
		}
		setLimit := func(n uint64) {
			if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: n, Max: old.Max}); err != nil {
				t.Fatal(err)
			}
		}
		w.run(append(w.login(alice, "alice"), func() {
			before = readFile(t, path)
			setLimit(uint64(len(before)) + 20)
			w.says(alice, "LIST\n")()
		}))
		setLimit(old.Cur)
		if text := readFile(t, path); !bytes.Equal(text, before) || len(before) < 100 || strings.Count(w.log.String(), "\n") != 1 {
			t.Errorf("the file is %q, expected what it was before, %q; the log is %s", text, before, w.log.String())
		}
	}
}

// A named pipe whose reader is too slow makes the loop wait for nothing: the write fails, and the trace
// ends.
func TestAFullPipeEndsTheTrace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(reader)
	w := newWorld(t, "epoll", traceTo("epoll", path, nil, trace.Limit))
	script := w.login(alice, "alice")
	for range 2000 { // more than a pipe holds
		script = append(script, w.says(alice, "LIST\n"))
	}
	done := make(chan []string, 1)
	go func() { done <- w.run(script) }()
	select {
	case heard := <-done:
		if strings.Count(heard[alice], "LIST-OK alice\n") != 2000 || strings.Count(w.log.String(), "the trace has ended") != 1 {
			t.Errorf("alice reads %.100q, the log is %q", heard[alice], w.log.String())
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the loop waits for the reader")
	}
}

// A trace that cannot be begun is an error that says why; a file is for the owner alone; without a path
// the loop has the bare kernel and machine.
func TestWrap(t *testing.T) {
	folder := t.TempDir()
	pipe, file := filepath.Join(folder, "pipe"), filepath.Join(folder, "trace")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		"": nil, file: nil, folder: unix.EISDIR, filepath.Join(folder, "no", "way"): unix.ENOENT, pipe: unix.ENXIO, // without a reader
	} {
		bare := poller.Config{Kernel: memkernel.New(memkernel.Options{}), Machine: machine{}}
		config := bare
		end, err := trace.Wrap(&config, "epoll", path, io.Discard)
		if !errors.Is(err, want) || err != nil && !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, expected %v and the path", path, err, want)
		}
		if traced := config.Kernel != bare.Kernel && config.Machine != bare.Machine; traced != (path == file) {
			t.Errorf("%s: the loop has %T and %T", path, config.Kernel, config.Machine)
		}
		if err == nil {
			end()
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("the file has mode %v (%v), expected 0600", info.Mode(), err)
	}
}

type machine struct{ poller.Machine }

func (machine) Users() int { return 0 }

// Whatever a client says, the text has nothing that a terminal obeys, and the JSON keeps the rules.
func FuzzWhatClientsSay(f *testing.F) {
	for _, seed := range []string{
		"", "hi", "\x1b[2J", "\xff\xfe", `"\`, "\u009b31m", "\u202egnp", "\x00\x7f", "名前", "HELLO-FROM x\u200b\nSEND x\u200b <&>\n",
		strings.Repeat("é", 80), strings.Repeat("x", 63) + "é", strings.Repeat("\x80", 100), "\u2028",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		script := func(w *world) []func() { return []func(){w.connect, w.says(0, string(said)+"\n")} }
		text := textOf(t, "select", script)
		obeyed := func(r rune) bool { return r != '\n' && unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }
		if strings.ContainsFunc(text, obeyed) || !utf8.ValidString(text) {
			t.Errorf("%q is shown as %s", said, text)
		}
		path := filepath.Join(t.TempDir(), "trace.json")
		w := newWorld(t, "select", traceTo("select", path, nil, trace.Limit))
		w.run(script(w))
		if _, err := tracetest.Check(readFile(t, path)); err != nil {
			t.Errorf("%q: %v", said, err)
		}
	})
}
