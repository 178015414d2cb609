// Package course holds the pages of docs/course to what their programs do: the conformance cases that
// each program passes, the system calls of one message, the output of each experiment, and the lines
// of code that a page shows.
//
//	go test ./internal_test/course -update
//
// writes the tables of cases and the blocks of system calls anew.
package course

import (
	"bytes"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"chatd/internal_test/daemon"
)

const folder = "../../docs/course"

var update = flag.Bool("update", false, "write the tables and the system calls anew")

// binaries is where the programs and the conformance suite are built.
var binaries string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if binaries, err = os.MkdirTemp("", "course"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(binaries)
	build := exec.Command("go", "build", "-buildvcs=false", "-o", binaries+"/", "chatd", "chatd/docs/course/...", "chatd/internal_test/conformance")
	if output, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, output)
		return 1
	}
	return m.Run()
}

// A program is one step of the course, with its page.
type program struct {
	name   string // of its folder
	number int    // from 1
	before string // name of the program before; empty for the first
	code   string
	page   string
}

func (p program) file() string { return filepath.Join(folder, p.name, "README.md") }

// programs returns the steps of the course in their order.
func programs(t *testing.T) (list []program) {
	t.Helper()
	files, _ := filepath.Glob(folder + "/*/main.go")
	for _, file := range files {
		p := program{name: filepath.Base(filepath.Dir(file)), number: len(list) + 1, code: read(t, file)}
		if len(list) > 0 {
			p.before = list[len(list)-1].name
		}
		p.page = read(t, p.file())
		if !strings.HasPrefix(p.name, fmt.Sprintf("%02d-", p.number)) {
			t.Fatalf("step %d is called %s", p.number, p.name)
		}
		list = append(list, p)
	}
	if len(list) < 10 {
		t.Fatalf("%d programs in %s, expected 10", len(list), folder)
	}
	return list
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A block is a fenced part of a page.
type block struct{ kind, text string }

var fence = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")

func blocks(text string) (list []block) {
	for _, found := range fence.FindAllStringSubmatch(text, -1) {
		list = append(list, block{found[1], found[2]})
	}
	return list
}

// section returns the part of a page below a heading that begins with some words.
func (p program) section(t *testing.T, heading string) string {
	t.Helper()
	_, rest, found := strings.Cut(p.page, "\n## "+heading)
	if !found {
		t.Fatalf("%s has no section %q", p.file(), heading)
	}
	part, _, _ := strings.Cut(rest, "\n## ")
	return part
}

// A server is a running program of the course.
type server struct {
	*daemon.Transcript
	name, address, port string
	process             *os.Process
}

// start runs a program, through other commands if there are any, until it accepts clients.
func start(t *testing.T, name string, through ...string) *server {
	t.Helper()
	s := &server{Transcript: new(daemon.Transcript), name: name, port: fmt.Sprint(daemon.ReservePort(t))}
	s.address = net.JoinHostPort("127.0.0.1", s.port)
	arguments := append(through, filepath.Join(binaries, name), "--port", s.port)
	command := exec.Command(arguments[0], arguments[1:]...)
	command.Stdout, command.Stderr = s, s
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	s.process = command.Process
	t.Cleanup(func() {
		syscall.Kill(-s.process.Pid, syscall.SIGKILL)
		command.Wait()
	})
	daemon.Await(t, name+" is on", func() bool { return strings.Contains(s.String(), "Server is on\n") })
	return s
}

// Each page has the same parts, and the lines that it shows are lines of its program, some of them new.
func TestLines(t *testing.T) {
	for i, p := range programs(t) {
		for _, heading := range []string{"What goes wrong", "The idea", "The new lines", "What strace shows", "Cases", "Question"} {
			if p.section(t, heading) == "" {
				t.Errorf("%s: %s is empty", p.file(), heading)
			}
		}
		if !strings.Contains(p.section(t, "Question"), "<details>") {
			t.Errorf("%s does not fold the answer", p.file())
		}
		old := ""
		if i > 0 {
			old = programs(t)[i-1].code
		}
		shown := 0
		for _, b := range blocks(p.section(t, "The new lines")) {
			if b.kind != "go" {
				continue
			}
			shown++
			if !strings.Contains("\n"+p.code, "\n"+b.text) {
				t.Errorf("%s shows lines that main.go does not have:\n%s", p.file(), b.text)
			}
			if old != "" && strings.Contains("\n"+old, "\n"+b.text) {
				t.Errorf("%s shows lines that are not new:\n%s", p.file(), b.text)
			}
		}
		if shown == 0 {
			t.Errorf("%s shows no line of its program", p.file())
		}
	}
}

// countLines counts the lines of a program that are not blank.
func countLines(code string) (n int) {
	for line := range strings.Lines(code) {
		if strings.TrimSpace(line) != "" {
			n++
		}
	}
	return n
}

// newLines counts the lines that a program has and another has not.
func newLines(t *testing.T, before, after program) (n int) {
	t.Helper()
	if before.name == "" {
		return countLines(after.code)
	}
	output, _ := exec.Command("diff", filepath.Join(folder, before.name, "main.go"), filepath.Join(folder, after.name, "main.go")).Output()
	for line := range bytes.Lines(output) {
		if bytes.HasPrefix(line, []byte("> ")) && len(bytes.TrimSpace(line)) > 1 {
			n++
		}
	}
	return n
}

// The early programs are short, and the last one is not long.
func TestLengths(t *testing.T) {
	for _, p := range programs(t) {
		limit := 400
		if p.number <= 4 {
			limit = 120
		}
		if n := countLines(p.code); n > limit {
			t.Errorf("%s has %d lines that are not blank, expected %d at most", p.name, n, limit)
		}
	}
}
