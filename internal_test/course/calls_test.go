package course

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"chatd/internal_test/daemon"
)

// logins are what is said before the message whose system calls a page shows.
var logins = map[string]string{
	"":               "alice> HELLO-FROM alice\nalice< HELLO alice\nbob> HELLO-FROM bob\nbob< HELLO bob\n",
	"01-blocking":    "alice> HELLO-FROM alice\nalice< HELLO alice\n",
	"02-two-clients": "alice> HELLO-FROM alice\nalice< HELLO alice\nbob> HELLO-FROM bob\nalice> LIST\nalice< LIST-OK alice\nbob< HELLO bob\n",
}

const traced = "trace=accept,accept4,read,write,shutdown,select,pselect6,poll,ppoll,epoll_wait,epoll_pwait,epoll_ctl"

// TestCalls has each program relay one message under strace. The calls are those that its page shows.
func TestCalls(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("strace is not installed")
	}
	for _, p := range programs(t) {
		var shown []block
		for _, b := range blocks(p.section(t, "What strace shows")) {
			if b.kind == "strace" {
				shown = append(shown, b)
			}
		}
		if len(shown) == 0 {
			t.Errorf("%s shows no system calls", p.file())
		}
		for _, b := range blocks(p.section(t, "What strace shows")) {
			if special := map[string]func(*testing.T, program, string){"flood": traceFlood, "ending": traceEnding}[b.kind]; special != nil {
				t.Run(p.name+"/"+b.kind, func(t *testing.T) {
					t.Parallel()
					special(t, p, b.text)
				})
			}
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			for i, b := range shown {
				flags := []string(nil)
				if i == 1 {
					flags = []string{"--call", "select"} // the second block of step 5
				}
				calls := trace(t, p, b.text, flags)
				if calls != "" && *update {
					p.page = strings.Replace(read(t, p.file()), "```strace\n"+b.text, "```strace\n"+calls, 1)
					write(t, p.file(), p.page)
				} else if calls != "" {
					t.Errorf("%s shows\n%sand the calls are\n%s", p.file(), b.text, calls)
				}
			}
		})
	}
}

// trace returns the calls of one message, or nothing if they are those that are shown.
func trace(t *testing.T, p program, shown string, flags []string) (calls string) {
	file := filepath.Join(t.TempDir(), "calls")
	strace := []string{"strace", "-qq", "-e", "signal=none", "-e", traced, "-o", file}
	if strings.HasPrefix(shown, "[pid") {
		strace = append(strace, "-f")
	}
	if len(flags) > 0 {
		strace = append(strace, "bash", "-c", `exec "$@" `+strings.Join(flags, " "), "bash")
	}
	s := start(t, p.name, strace...)
	whole, alone := logins[p.name], p.number == 1
	if whole == "" {
		whole = logins[""]
	}
	message := "alice> SEND bob hi\nbob< DELIVERY alice hi\nalice< SEND-OK\n"
	if alone {
		message = "alice> SEND alice hi\nalice< DELIVERY alice hi\nalice< SEND-OK\n"
	}
	playTalk(t, s, whole+message)
	wanted := normal(shown)
	text := func() string {
		all, _ := os.ReadFile(file)
		lines := strings.Split(threads.ReplaceAllString(string(all), "[pid $1] "), "\n")
		for i, line := range lines {
			if strings.Contains(line, "SEND ") {
				if i > 0 && waits.MatchString(lines[i-1]) {
					i--
				}
				last := len(lines)
				if p.number == 4 {
					last = min(last, i+7) // it never sleeps
				}
				return strings.TrimRight(strings.Join(lines[i:last], "\n"), " ")
			}
		}
		return ""
	}
	same := func() bool {
		calls = text()
		return normal(calls) == wanted
	}
	patience := daemon.Patience
	if *update {
		patience = time.Second
	}
	for deadline := time.Now().Add(patience); !same(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return calls + "\n"
		}
	}
	return ""
}

var (
	threads     = regexp.MustCompile(`(?m)^(\d+) +`)
	threadID    = regexp.MustCompile(`^\[pid +\d+\] `)
	otherThread = regexp.MustCompile(`<\.\.\. \w+ resumed>\)`) // its write to another client
	waits       = regexp.MustCompile(`(select|select6|poll|epoll_p?wait)\(`)
	descriptor  = regexp.MustCompile(`(accept4?\(|read\(|write\(|shutdown\(|close\(|epoll_p?wait\(|epoll_ctl\(|EPOLL_CTL_\w+, |fd=|u32=)\d+`)
	set         = regexp.MustCompile(`\[\d[\d ]*\]`)
	data        = regexp.MustCompile(`data=(0x[0-9a-f]+)|data=\{u32=(\d+), u64=\d+\}`)
	onThread    = regexp.MustCompile(`read\(\d+, *"SEND`)
	addresses   = regexp.MustCompile(`\b0x[0-9a-f]+`)
	digits      = regexp.MustCompile(`\d+`)
	blanks      = regexp.MustCompile(` +`)
)

// normal returns calls with descriptors numbered by their order in the text, because they have other
// numbers elsewhere.
func normal(calls string) string {
	calls = data.ReplaceAllStringFunc(calls, func(text string) string {
		part := data.FindStringSubmatch(text)
		n, _ := strconv.ParseUint(part[1]+part[2], 0, 64)
		return fmt.Sprintf("u32=%d", uint32(n))
	})
	seen := make(map[string]string)
	renumber := func(text string) string {
		return digits.ReplaceAllStringFunc(text, func(n string) string {
			if seen[n] == "" {
				seen[n] = fmt.Sprintf("#%d", len(seen))
			}
			return seen[n]
		})
	}
	var lines []string
	for line := range strings.Lines(calls) {
		blocked := threadID.MatchString(line) && !strings.Contains(line, " = ") // which thread blocks last differs
		if blocked || strings.Contains(line, "<unfinished ...>") || otherThread.MatchString(line) {
			continue
		}
		line = threadID.ReplaceAllString(line, "") // Go may move a goroutine to another thread
		line = strings.Replace(line, "<... read resumed>", "read(4, ", 1)
		line = addresses.ReplaceAllString(onThread.ReplaceAllString(line, "read(\"SEND"), "ADDRESS")
		line = strings.Replace(strings.Replace(line, "accept4(", "accept(", 1), "epoll_pwait(", "epoll_wait(", 1)
		line = bits.ReplaceAllString(line, "$1(")
		line = descriptor.ReplaceAllStringFunc(line, func(text string) string {
			at := digits.FindAllStringIndex(text, -1)
			last := at[len(at)-1][0]
			return text[:last] + renumber(text[last:])
		})
		line = set.ReplaceAllStringFunc(line, renumber)
		lines = append(lines, strings.TrimSpace(blanks.ReplaceAllString(line, " ")))
	}
	return strings.Join(lines, "\n")
}

// traceFlood has alice send bob more than the kernel holds for him, and has bob read it then. The calls
// that the page shows are made in this order, among others, on whatever descriptors.
func traceFlood(t *testing.T, p program, shown string) {
	const messages = 8000
	file := filepath.Join(t.TempDir(), "calls")
	s := start(t, p.name, "strace", "-qq", "-e", "signal=none", "-e", traced, "-s", "8", "-o", file)
	bob := daemon.Dial(t, s.address)
	bob.Login("bob")
	alice := daemon.Dial(t, s.address)
	alice.Login("alice")
	line := "SEND bob " + strings.Repeat("x", 1000)
	go alice.Line(slices.Repeat([]string{line}, messages)...)
	wanted := strings.Split(shape(shown), "\n")
	for i, line := range wanted { // a wait may return other events too
		if event := regexp.MustCompile(`\{events=\w+, data\}`).FindString(line); strings.HasPrefix(line, "epoll_wait") {
			wanted[i] = event
		}
	}
	await := func(lines []string) {
		daemon.Await(t, "strace shows "+strings.Join(lines, "; "), func() bool {
			rest, _ := os.ReadFile(file)
			calls, found := shape(string(rest)), true
			for _, line := range lines {
				if _, calls, found = strings.Cut(calls, line); !found {
					return false
				}
			}
			return true
		})
	}
	await(wanted[:1])
	var size int64
	daemon.Await(t, "the server has read what it can", func() bool {
		before := size
		time.Sleep(200 * time.Millisecond) // in which a server that has something to do makes a call
		if status, err := os.Stat(file); err == nil {
			size = status.Size()
		}
		return size == before
	})
	for range messages {
		bob.Expect("DELIVERY alice " + line[len("SEND bob "):])
	}
	await(wanted)
}

// traceEnding has a client be answered and closed, and do nothing then.
func traceEnding(t *testing.T, p program, shown string) {
	file := filepath.Join(t.TempDir(), "calls")
	s := start(t, p.name, "strace", "-qq", "-e", "signal=none", "-e", traced+",close", "-o", file)
	carol := daemon.Dial(t, s.address)
	carol.Ask("LIST", "BAD-RQST-HDR")
	carol.ExpectEOF()
	daemon.Await(t, "strace shows "+shown, func() bool {
		calls, _ := os.ReadFile(file)
		return strings.Contains(blanks.ReplaceAllString(shape(string(calls)), " "), blanks.ReplaceAllString(shape(shown), " "))
	})
}

// shape returns calls without the numbers of descriptors.
func shape(calls string) string {
	return descriptor.ReplaceAllString(data.ReplaceAllString(strings.TrimSpace(calls), "data"), "$1")
}
