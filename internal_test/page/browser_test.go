// Package page tries docs/page in a real browser: Chromium, driven by chromedp.
package page

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is for a machine that builds WebAssembly for the first time, on one busy processor.
const patience = 4 * time.Minute

var (
	address string          // of the page that is served
	command string          // the compiled docs/page
	browser context.Context // nil: there is none
	missing string          // why
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		missing = "chromium is not installed (apt-get install chromium)"
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "page")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	command = filepath.Join(dir, "page")
	build := exec.Command("go", "build", "-o", command, "./docs/page")
	build.Dir = "../.."
	if text, err := build.CombinedOutput(); err != nil {
		panic(string(text))
	}
	server := exec.Command(command)
	server.Dir, server.Stderr = "../..", os.Stderr
	out, err := server.StdoutPipe()
	if err == nil {
		err = server.Start()
	}
	if err != nil {
		panic(err)
	}
	defer server.Process.Kill()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		panic(err)
	}
	address = strings.TrimSpace(line)

	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.UserDataDir(filepath.Join(dir, "profile")), chromedp.WindowSize(1280, 720),
		chromedp.WSURLReadTimeout(patience),
	)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	var close func()
	browser, close = chromedp.NewContext(allocator)
	defer close()
	if err := chromedp.Run(browser); err != nil {
		panic(err)
	}
	return m.Run()
}

// A tab is a page of the browser. The test fails if its console has an error.
type tab struct {
	*testing.T
	context.Context
}

// open opens an address, relative to the page's, in a new tab, and waits until it shows a run.
func open(t *testing.T, fragment string) *tab {
	tab := blank(t)
	tab.do(chromedp.Navigate(address + fragment))
	tab.waitFor(`document.querySelector("#position")`)
	return tab
}

func blank(t *testing.T) *tab {
	t.Helper()
	if browser == nil {
		t.Skip(missing)
	}
	var (
		mu       sync.Mutex
		problems []string
	)
	timed, cancel := context.WithTimeout(browser, patience)
	ctx, closeTab := chromedp.NewContext(timed)
	chromedp.ListenTarget(ctx, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			problems = append(problems, e.ExceptionDetails.Error())
		case *runtime.EventConsoleAPICalled:
			if e.Type == runtime.APITypeError {
				problems = append(problems, fmt.Sprint("console: ", string(e.Args[0].Value)))
			}
		case *log.EventEntryAdded:
			if e.Entry.Level == log.LevelError {
				problems = append(problems, e.Entry.Text+" "+e.Entry.URL)
			}
		}
	})
	t.Cleanup(func() {
		closeTab()
		cancel()
		mu.Lock()
		defer mu.Unlock()
		for _, p := range problems {
			t.Error("the console has: ", p)
		}
	})
	tab := &tab{t, ctx}
	tab.do(log.Enable(), chromedp.EmulateViewport(1280, 720))
	return tab
}

func (t *tab) do(actions ...chromedp.Action) {
	t.Helper()
	if err := chromedp.Run(t.Context, actions...); err != nil {
		t.Fatal(err)
	}
}

// waitFor waits until an expression is true.
func (t *tab) waitFor(expression string) {
	t.Helper()
	if err := chromedp.Run(t.Context, chromedp.Poll("!!("+expression+")", nil, chromedp.WithPollingInterval(20*time.Millisecond), chromedp.WithPollingTimeout(patience))); err != nil {
		t.Fatalf("%s: %v\n%s", expression, err, t.text("document.body.innerText"))
	}
}

// text is the value of an expression.
func (t *tab) text(expression string) (value string) {
	t.Helper()
	if err := chromedp.Run(t.Context, chromedp.Evaluate("String("+expression+")", &value)); err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// keys presses keys, one after the other.
func (t *tab) keys(text string) {
	t.Helper()
	t.do(chromedp.KeyEvent(text))
}

// shown is what the page shows of the run.
func (t *tab) shown() string {
	t.Helper()
	return t.text(`["clients","kernel","loop","calls","source"].map((id) => document.getElementById(id).innerText).join("\n") + position.textContent`)
}

// widths are those at which a view is photographed: a projector, a telephone, and a window of 1280 x 720
// enlarged to 200 %.
var widths = map[int64]int64{1280: 720, 390: 800, 640: 360}

// photograph checks at each width that nothing is wider than the window, and keeps a picture if
// PAGE_PICTURES names a directory.
func (t *tab) photograph(name string) {
	t.Helper()
	for width, height := range widths {
		t.do(chromedp.EmulateViewport(width, height))
		if wide := t.text(tooWide); wide != "" {
			t.Errorf("%s at %d: wider than the window: %s", name, width, wide)
		}
		dir := os.Getenv("PAGE_PICTURES")
		if dir == "" {
			continue
		}
		var picture []byte
		action := chromedp.CaptureScreenshot(&picture)
		if width < 1000 {
			action = chromedp.FullScreenshot(&picture, 100) // as PNG
		}
		t.do(action)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d.png", name, width)), picture, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.do(chromedp.EmulateViewport(1280, 720))
}

// tooWide lists some elements that are, if the page is.
const tooWide = `document.documentElement.scrollWidth <= innerWidth ? "" :
	[...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1)
		.map((e) => e.tagName + "#" + e.id + "." + e.className).slice(0, 8)`
