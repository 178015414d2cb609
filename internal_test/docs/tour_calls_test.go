package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"chatd/internal_test/daemon"
)

// The system calls that docs/tour.md shows for one message are those that strace shows, in that
// order, and the loop makes no others between them.
func TestTourShowsSystemCalls(t *testing.T) {
	t.Parallel()
	_, blocks := readTour(t)
	v := &tour{t: t}
	v.start("--poller", "epoll")
	tr := v.daemon.Attach(t, "-s", "64", "-e", "trace=epoll_wait,epoll_pwait,epoll_ctl,accept4,read,write")
	var message *tourBlock
	for _, b := range blocks {
		if b.kind == "conversation" {
			if message != nil {
				v.do(message)
			}
			message = b // said only when the server is at rest
		}
		if b.kind != "strace" {
			continue
		}
		daemon.Await(t, "the server is about to sleep until a client sends something", func() bool {
			calls := loopCalls(tr.Seen())
			return strings.HasSuffix(calls, idleCall) && strings.Count(calls, "\nread(") == 2
		})
		v.do(message)
		shown := straceForm(regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(b.text, ""))
		var calls string
		daemon.Await(t, "the server sleeps again", func() bool {
			calls = loopCalls(tr.Seen())
			return strings.Contains(calls, "SEND-OK") && strings.HasSuffix(calls, idleCall)
		})
		made := strings.SplitAfter(onlySleep.ReplaceAllString(calls, ""), "\n")
		made = made[max(0, len(made)-1-strings.Count(shown, "\n")):]
		if renumber(straceForm(strings.Join(made, "")), callOrID, 10) != shown {
			t.Errorf("the tour shows\n%s\nand the calls are\n%s", shown, calls)
		}
		return
	}
	t.Fatalf("%s has no strace", tourFile)
}

// idleCall is how the loop begins a long sleep: nothing has come for 10 ms.
const idleCall = ", 10, NULL, 0) = 0\n"

var (
	threadLine  = regexp.MustCompile(`(?m)^(\d+) +(.*)$`)
	resumedCall = regexp.MustCompile(`^<\.\.\. \w+ resumed>`)
	notOfLoop   = regexp.MustCompile(`^---|EINTR|, 128, |\\0\\0`)
	callResult  = regexp.MustCompile(` +=( -?\d+)`)
)

// loopCalls are the calls of the loop, each in one line and in the form of the tour. The loop is a
// goroutine, and Go may move it to another thread between two calls, so they are known by what they
// are. Left out are those that a signal interrupted or that have not returned, the waits of Go's own
// poller, which are for 128 events, and what wakes that one, which is binary.
func loopCalls(trace string) (calls string) {
	begun := make(map[string]string)
	for _, line := range threadLine.FindAllStringSubmatch(trace, -1) {
		thread, text := line[1], line[2]
		if head, unfinished := strings.CutSuffix(text, " <unfinished ...>"); unfinished {
			begun[thread] = head
			continue
		}
		if at := resumedCall.FindString(text); at != "" {
			text = begun[thread] + text[len(at):]
		}
		if strings.Contains(text, " = ") && !notOfLoop.MatchString(text) {
			calls += callResult.ReplaceAllString(text, " =$1") + "\n"
		}
	}
	return calls
}

var (
	onlySleep = regexp.MustCompile(`(?m)^epoll_p?wait\(.*\[\], .* = 0\n`)
	anyWait   = regexp.MustCompile(`epoll_p?wait\(\d+, (.*), 256, -?\d+(?:, NULL, \d+)?\)`)
	eventData = regexp.MustCompile(`data=(?:\{u32=\d+, u64=(\d+)\}|(0x[0-9a-f]+))`) // strace has had both
	callOrID  = regexp.MustCompile(`\b(?:read|write)\((\d+)|\b(\d+)\.\d+\b`)
)

// straceForm is a list of calls with the data of events as IDs, however strace writes them. Sleeps
// that brought nothing are left out, and the two kinds of wait are one: which of them an event ends is
// a question of milliseconds.
func straceForm(calls string) string {
	calls = anyWait.ReplaceAllString(onlySleep.ReplaceAllString(calls, ""), "wait $1")
	return eventData.ReplaceAllStringFunc(calls, func(text string) string {
		part := eventData.FindStringSubmatch(text)
		id, _ := strconv.ParseUint(part[1]+part[2], 0, 64)
		return fmt.Sprintf("data=%d.%d", uint32(id), id>>32)
	})
}

var (
	codeLink   = regexp.MustCompile("\\[`(?:(\\w+)\\.)?(\\w+)`\\]\\(\\.\\./([^)#]+\\.go)\\)")
	anyLink    = regexp.MustCompile(`\]\(([^):#]+)\)`)
	loopMethod = regexp.MustCompile(`\bLoop\.(\w+)`)
)

// What docs/tour.md names stands where the link leads.
func TestTourLinksLeadToTheCode(t *testing.T) {
	t.Parallel()
	document, _ := readTour(t)
	for _, link := range anyLink.FindAllStringSubmatch(document, -1) {
		if _, err := os.Stat(filepath.Join("../../docs", link[1])); err != nil {
			t.Errorf("the tour leads to %s: %v", link[1], err)
		}
	}
	links := codeLink.FindAllStringSubmatch(document, -1)
	if len(links) < 20 {
		t.Errorf("the tour has %d links to the code, expected 20 at least", len(links))
	}
	for _, link := range links {
		if text, _ := os.ReadFile(filepath.Join("../..", link[3])); !declares(string(text), link[1], link[2]) {
			t.Errorf("the tour has %s in %s, which does not declare it", strings.Trim(link[1]+"."+link[2], "."), link[3])
		}
	}
	files, _ := filepath.Glob("../../poller/*.go")
	code := ""
	for _, file := range files {
		text, _ := os.ReadFile(file)
		code += string(text)
	}
	for _, name := range loopMethod.FindAllStringSubmatch(document, -1) {
		if !declares(code, "Loop", name[1]) {
			t.Errorf("the tour has %s, and there is no such method", name[0])
		}
	}
}

// declares reports whether Go code declares a method of a type or, without one, something that is
// called so.
func declares(code, receiver, name string) bool {
	pattern := `(?m)^func ` + name + `\b|^(?:type|const|var|\t) *` + name + `\b`
	if receiver != "" {
		pattern = `(?m)^func \((?:\w+ )?\*?` + receiver + `\) ` + name + `\(`
	}
	return regexp.MustCompile(pattern).MatchString(code)
}

var lengthRow = regexp.MustCompile("(?m)^\\| `(\\S+\\.go)` \\| (\\d+) \\|")

var packageRow = regexp.MustCompile("(?m)^\\| `([a-z/]+)` \\| ([\\d,]+) \\|")

// The packages have about the lines that docs/reading.md says.
func TestTheLengthsInTheReadingGuide(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/reading.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := packageRow.FindAllStringSubmatch(string(text), -1)
	for _, row := range rows {
		files, err := filepath.Glob(filepath.Join("../..", strings.TrimPrefix(row[1], "main"), "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		lines := 0
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				code, _ := os.ReadFile(file)
				lines += strings.Count(string(code), "\n")
			}
		}
		said, _ := strconv.Atoi(strings.ReplaceAll(row[2], ",", ""))
		if off := lines - said; off > 20 || off < -20 {
			t.Errorf("%s has %d lines, and docs/reading.md says %d", row[1], lines, said)
		}
	}
	if len(rows) != 8 {
		t.Errorf("%d packages are listed, expected 8", len(rows))
	}
}

// What docs/reading.md gives an hour for has about the lines that it says, and fits in an hour.
func TestTheHourOfTheReadingGuide(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/reading.md")
	if err != nil {
		t.Fatal(err)
	}
	files, total := lengthRow.FindAllStringSubmatch(string(text), -1), 0
	for _, file := range files {
		code, err := os.ReadFile(filepath.Join("../..", file[1]))
		if err != nil {
			t.Error(err)
		}
		lines := strings.Count(string(code), "\n")
		said, _ := strconv.Atoi(file[2])
		if total += lines; lines < said-10 || lines > said+10 {
			t.Errorf("%s has %d lines, and docs/reading.md says %d", file[1], lines, said)
		}
	}
	if len(files) < 8 || total > 1300 {
		t.Errorf("%d files with %d lines, expected 8 at least, with 1,300 at most", len(files), total)
	}
}
