package course

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"chatd/internal_test/daemon"
)

var holes = regexp.MustCompile(`\{fd=-1\}, `)

// TestStart runs chatd under strace with each poller: the calls of a message are those that
// docs/start.md shows.
func TestStart(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("strace is not installed")
	}
	var shown []string
	for _, b := range blocks(read(t, "../../docs/start.md")) {
		if b.kind == "strace" {
			shown = append(shown, b.text)
		}
	}
	pollers := []string{"select", "poll", "epoll"}
	if len(shown) != len(pollers) {
		t.Fatalf("docs/start.md shows the calls of %d pollers, expected %d", len(shown), len(pollers))
	}
	for i, poller := range pollers {
		t.Run(poller, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "calls")
			s := start(t, "chatd", "strace", "-f", "-qq", "-e", "signal=none", "-e", traced, "-o", file,
				"sh", "-c", `exec "$@" --poller `+poller, "sh")
			bob := daemon.Dial(t, s.address)
			bob.Login("bob")
			alice := daemon.Dial(t, s.address)
			alice.Login("alice")
			wanted := chatdCalls(shown[i])
			daemon.Await(t, "strace shows "+wanted, func() bool {
				time.Sleep(50 * time.Millisecond) // chatd begins its long wait when it was idle for 10 ms
				alice.Line("SEND bob hi")
				alice.Expect("SEND-OK")
				bob.Expect("DELIVERY alice hi")
				trace, _ := os.ReadFile(file)
				return strings.Contains(chatdCalls(string(trace)), wanted)
			})
		})
	}
}

// chatdCalls returns the calls of the loop without the numbers of descriptors. The Go runtime waits with
// an epoll set of its own, for 128 events.
func chatdCalls(trace string) (calls string) {
	lines := bufio.NewScanner(strings.NewReader(trace))
	for lines.Scan() {
		line := threads.ReplaceAllString(lines.Text(), "")
		if strings.Contains(line, ", 128, ") || strings.Contains(line, "unfinished") {
			continue
		}
		line = resumedCall.ReplaceAllString(line, "$1(")
		line = set.ReplaceAllString(holes.ReplaceAllString(line, ""), "[]")
		line = bits.ReplaceAllString(line, "$1(")
		line = entries.ReplaceAllString(line, "], NULL")
		calls += blanks.ReplaceAllString(shape(line), " ") + "\n"
	}
	return calls
}

var (
	resumedCall = regexp.MustCompile(`^<\.\.\. (\w+) resumed>`)
	bits        = regexp.MustCompile(`(select6?)\(\d+`)
	entries     = regexp.MustCompile(`\], \d+, NULL`)
)
