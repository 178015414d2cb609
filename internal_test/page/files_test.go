package page

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// The one file works when opened from disk, levels included, and asks for nothing else.
func TestSingleFile(t *testing.T) {
	if browser == nil {
		t.Skip(missing)
	}
	file := filepath.Join(t.TempDir(), "chatd.html")
	cmd := exec.Command(command, "-single", file)
	cmd.Dir = "../.."
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatal(string(text))
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", info.Size())
	tab := blank(t)
	source := url.URL{Scheme: "file", Path: file}
	chromedp.ListenTarget(tab.Context, func(event any) {
		if e, ok := event.(*network.EventRequestWillBeSent); ok && !strings.HasPrefix(e.Request.URL, "data:") &&
			!strings.HasPrefix(e.Request.URL, source.String()) {
			t.Error("the page asks for ", e.Request.URL)
		}
	})
	tab.do(network.Enable(), chromedp.Navigate(source.String()+fragment("level", 4, []string{"+", "run"})))
	tab.waitFor(`document.querySelector("#task .broken")`)
}

// The static files work on a web host that knows nothing of them, levels included, and ask no other host.
func TestStaticFiles(t *testing.T) {
	if browser == nil {
		t.Skip(missing)
	}
	dir := t.TempDir()
	cmd := exec.Command(command, "-o", dir)
	cmd.Dir = "../.."
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatal(string(text))
	}
	host := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer host.Close()
	tab := blank(t)
	chromedp.ListenTarget(tab.Context, func(event any) {
		if e, ok := event.(*network.EventRequestWillBeSent); ok && !strings.HasPrefix(e.Request.URL, "data:") &&
			!strings.HasPrefix(e.Request.URL, host.URL) {
			t.Error("the page asks for ", e.Request.URL)
		}
	})
	tab.do(network.Enable(), chromedp.Navigate(host.URL+"/"+fragment("level", 10, nil)))
	tab.waitFor(`document.querySelector("[data-key=hint]")`)
	for range 4 {
		tab.do(chromedp.Click("[data-key=hint]"))
	}
	tab.waitFor(`document.querySelector("#task .broken")`)
	tab.do(chromedp.Click("#compare"))
	tab.waitFor(`document.querySelector("#task .held")`)
}

// Where WebAssembly is missing, there is a sentence.
func TestNoWebAssembly(t *testing.T) {
	tab := blank(t)
	tab.do(chromedp.ActionFunc(addScript("delete globalThis.WebAssembly")), chromedp.Navigate(address))
	tab.waitFor(`document.querySelector("#message").textContent.includes("this browser does not have it")`)
	tab.photograph("no-webassembly")
}

// The page is legible in the dark, and moves nothing by itself.
func TestDark(t *testing.T) {
	tab := blank(t)
	tab.do(emulate("prefers-color-scheme", "dark"), chromedp.Navigate(address+fragment("level", 3, nil)))
	tab.waitFor(`document.querySelector("#position")`)
	tab.photograph("dark")
	if colour := tab.text(`getComputedStyle(document.body).backgroundColor`); colour != "rgb(22, 24, 28)" {
		t.Errorf("the background is %s", colour)
	}
	if n := tab.text(`document.getAnimations().length`); n != "0" {
		t.Errorf("%s animations", n)
	}
}

// Every control has a name, and can be reached by keyboard.
func TestNames(t *testing.T) {
	tab := open(t, "#free/epoll/0/+;.4;%2B;a:hello;.")
	unnamed := tab.text(`[...document.querySelectorAll("button, input, pre[tabindex], ol[tabindex]")].filter((e) =>
		!(e.getAttribute("aria-label") || e.textContent.trim() || e.closest("label")?.textContent.trim()) || e.tabIndex < 0).map((e) => e.outerHTML)`)
	if unnamed != "" {
		t.Error("without a name, or out of reach: ", unnamed)
	}
}

// How long the first load takes, and how many steps a second there can be.
func TestSpeed(t *testing.T) {
	tab := open(t, "#free/epoll/0/%2B;run;a:HELLO-FROM%20alice;run")
	first, _ := strconv.ParseFloat(tab.text(`performance.getEntriesByName("first view")[0].startTime`), 64)
	bytes := tab.text(`performance.getEntriesByType("resource").reduce((n, e) => n + e.encodedBodySize, 0)`)
	for range 5 {
		tab.make("a:" + strings.Repeat("LIST,", 6) + "LIST")
		tab.make("run")
	}
	tab.do(chromedp.Evaluate(`for (let i = 0; i < 400; i++) document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "b", bubbles: true }))`, nil))
	rate, err := strconv.ParseFloat(tab.text(`(() => {
		const began = performance.now();
		let n = 0;
		for (; document.querySelector("#forward").disabled === false; n++) document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "f", bubbles: true }));
		return 1000 * n / (performance.now() - began);
	})()`), 64)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("first view after %.0f ms, %s bytes, %.0f moves a second", first, bytes, rate)
	if n, _ := strconv.Atoi(bytes); n > 1_200_000 || n == 0 {
		t.Errorf("the first load has %s bytes, which should be 1.2 MB at most", bytes)
	}
	if rate < 20 {
		t.Errorf("only %.0f moves a second", rate)
	}
}
