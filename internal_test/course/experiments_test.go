package course

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"chatd/internal_test/daemon"
)

// TestExperiments does what each page tells the reader to do with the program before, and expects what
// the page shows. Blocks of a page are done one after the other, each with a server of its own:
//
//   - talk: lines that clients send (alice> LIST) and receive (alice< LIST-OK alice); "alice receives
//     nothing" and "alice leaves".
//   - console: commands behind a $, with their output. A command that asks for Enter waits for the line
//     (Enter), and the commands in between are typed in another terminal. Numbers may be others, by a
//     factor of 3 or as the comment above the block says; everything else must be the same. Blocks
//     below <!-- slow --> are done with -slow only.
func TestExperiments(t *testing.T) {
	for _, p := range programs(t) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			tested := p.before
			if tested == "" {
				tested = p.name
			}
			done, section := 0, p.section(t, "What goes wrong")
			for _, b := range blocks(section) {
				switch b.kind {
				case "talk":
					playTalk(t, start(t, tested), b.text)
				case "console":
					above, _, _ := strings.Cut(section, b.text)
					note := notes.FindStringSubmatch(above)
					if note != nil && note[1] == "slow" && !*slow {
						continue
					}
					factor := 3.0
					if note != nil && note[2] != "" {
						factor, _ = strconv.ParseFloat(note[2], 64)
					}
					playConsole(t, tested, b.text, factor)
				default:
					continue
				}
				done++
			}
			if done == 0 {
				t.Errorf("%s has no experiment", p.file())
			}
		})
	}
}

var (
	slow  = flag.Bool("slow", false, "do the experiments with thousands of clients, too")
	notes = regexp.MustCompile("<!-- (slow)?,? ?(?:factor (\\d+))? -->\n```console\n$")
)

var talkLine = regexp.MustCompile(`^(\w+)(> ?|< | receives nothing| leaves)(.*)\n$`)

// playTalk plays a conversation. Escapes such as \n in a sent line are carried out.
func playTalk(t *testing.T, s *server, text string) {
	t.Helper()
	clients := make(map[string]*daemon.Client)
	for line := range strings.Lines(text) {
		part := talkLine.FindStringSubmatch(line)
		if part == nil {
			t.Fatalf("a talk has the line %q", line)
		}
		c := clients[part[1]]
		if c == nil {
			c = daemon.Dial(t, s.address)
			clients[part[1]] = c
		}
		switch verb := strings.TrimSpace(part[2]); verb {
		case ">":
			sent, err := strconv.Unquote(`"` + strings.ReplaceAll(part[3], `"`, `\"`) + `\n"`)
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			c.Send(sent)
		case "<":
			c.Expect(part[3])
		case "leaves":
			c.Close()
			delete(clients, part[1])
		default:
			s.awaitSleep(t)
			if !c.IsQuiet() {
				t.Errorf("%s: %s received something: %q", s.name, part[1], c.Hear())
			}
		}
	}
}

// awaitSleep waits until the first thread of the server sleeps, twice in a row. A line that has been
// sent over the loopback has woken it before.
func (s *server) awaitSleep(t *testing.T) {
	t.Helper()
	last := ""
	daemon.Await(t, s.name+" sleeps", func() bool {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.process.Pid))
		_, now, _ := strings.Cut(string(status), ") ")
		asleep := strings.HasPrefix(now, "S") && now == last
		last = now
		return asleep
	})
}

// A terminal is a command that waits for Enter.
type terminal struct {
	*exec.Cmd
	input  io.WriteCloser
	output *bufio.Reader
}

// runCommand starts a command, and returns what it prints until it ends or asks for Enter.
func runCommand(t *testing.T, s *server, line string) (*terminal, string) {
	t.Helper()
	line = strings.ReplaceAll(line, "$(pidof "+s.name+")", strconv.Itoa(s.process.Pid))
	line = strings.ReplaceAll(line, "5378", s.port)
	command := exec.Command("bash", "-c", line)
	command.Dir = "../.."
	command.Env = append(os.Environ(), "PORT="+s.port)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	input, _ := command.StdinPipe()
	output, _ := command.StdoutPipe()
	command.Stderr = command.Stdout
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Kill(-command.Process.Pid, syscall.SIGKILL) })
	w := &terminal{command, input, bufio.NewReader(output)}
	return w, w.read()
}

// read returns what a command prints until it ends or asks for Enter.
func (w *terminal) read() (text string) {
	for {
		line, err := w.output.ReadString('\n')
		text += line
		if err != nil {
			w.Wait()
			w.Cmd = nil
			return text
		}
		if strings.Contains(line, "; Enter ") {
			return text
		}
	}
}

var launch = regexp.MustCompile(`^\(?(ulimit -n \d+; )?go run \./docs/course/([\w-]+)( --call \w+)?\)?$`)

// playConsole types the commands of a block. The first one may be that which starts the server.
func playConsole(t *testing.T, name, text string, factor float64) {
	t.Helper()
	var s *server
	var waiting *terminal
	var command, expected, got string
	check := func() {
		t.Helper()
		if command != "" && !similar(expected, got, factor) {
			t.Errorf("%s: %s prints\n%s\nand the page shows\n%s", name, command, got, expected)
		}
		expected = ""
	}
	for line := range strings.Lines(text) {
		typed, isCommand := strings.CutPrefix(strings.TrimSpace(line), "$ ")
		switch {
		case isCommand && launch.MatchString(typed):
			part := launch.FindStringSubmatch(typed)
			if part[2] != name {
				t.Fatalf("the page starts %s, and the program is %s", part[2], name)
			}
			s = start(t, name, "bash", "-c", part[1]+`exec "$@"`+part[3], "bash")
		case isCommand:
			check()
			if s == nil {
				s = start(t, name)
			}
			command = typed
			typed, _, _ = strings.Cut(typed, "   #")
			var w *terminal
			if w, got = runCommand(t, s, typed); w.Cmd != nil {
				waiting = w
			}
		case strings.TrimSpace(line) == "(Enter)":
			check()
			if waiting == nil {
				t.Fatalf("%s: no command waits for Enter", name)
			}
			io.WriteString(waiting.input, "\n")
			command, got = "(Enter)", waiting.read()
		default:
			expected += line
		}
	}
	check()
}

var number = regexp.MustCompile(`^\d+(\.\d+)?$`)

// similar reports whether two texts have the same words, and numbers that differ by a factor at most, or
// by 3.
func similar(expected, got string, factor float64) bool {
	a, b := strings.Fields(expected), strings.Fields(got)
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] == b[i] {
			continue
		}
		if !number.MatchString(a[i]) || !number.MatchString(b[i]) {
			return false
		}
		x, _ := strconv.ParseFloat(a[i], 64)
		y, _ := strconv.ParseFloat(b[i], 64)
		if max(x, y)-min(x, y) > 3 && max(x, y) > factor*min(x, y) {
			return false
		}
	}
	return true
}
