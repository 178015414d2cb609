package page

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

const escape, enter = "\u001b", "\r"

// The guided level, by keyboard alone, ends with a message delivered.
func TestGuidedLevelByKeyboard(t *testing.T) {
	tab := open(t, "#guide.0/epoll/0/")
	step := func(want string) {
		t.Helper()
		tab.waitFor(`document.querySelector("#guide").dataset.step === "` + want + `"`)
	}
	step("0")
	tab.photograph("guide-0")
	tab.keys("c")
	step("1")
	tab.keys(escape + "n")
	step("2")
	tab.photograph("guide-2")
	tab.keys("n")
	step("3")
	tab.keys("r")
	step("4")
	tab.keys("1HELLO-FROM alice" + enter)
	step("5")
	tab.photograph("guide-5")
	tab.keys(escape + "nnn")
	step("6")
	tab.keys("cHELLO-FROM bob" + enter + escape + "r")
	step("7")
	tab.keys("1SEND bob hello" + enter + escape + "nn")
	step("8")
	tab.photograph("guide-8")
	tab.keys("nn")
	step("9")
	tab.photograph("guide-9")
	for client, line := range map[string]string{"a": "< SEND-OK", "b": "< DELIVERY alice hello"} {
		tab.waitFor(`document.querySelector("[data-client=` + client + `] pre").textContent.includes("` + line + `")`)
	}
}

// Each level is won by its known schedule, and the same schedule breaks no promise of the right loop.
func TestLevels(t *testing.T) {
	if browser == nil {
		t.Skip(missing)
	}
	levels := readLevels(t)
	if len(levels) != 10 {
		t.Fatalf("there are %d levels", len(levels))
	}
	for i, l := range levels {
		t.Run(l.Name, func(t *testing.T) {
			tab := open(t, fragment("level", i+1, l.Win))
			tab.waitFor(`document.querySelector("#task .broken")`)
			t.Log(tab.text(`document.querySelector("#task .broken").innerText`))
			tab.photograph(fmt.Sprint("level-", i+1, "-broken"))
			tab.do(chromedp.Click("#compare"))
			tab.waitFor(`document.querySelector("#task .held")`)
			if held := tab.text(`document.querySelector("#task .held").innerText`); !strings.HasPrefix(held, "The right loop keeps every promise.") {
				t.Error(held)
			}
			tab.photograph(fmt.Sprint("level-", i+1, "-held"))
			if !strings.Contains(tab.text(`document.querySelector("[data-key=level-`+fmt.Sprint(i+1)+`]").textContent`), "✓") {
				t.Error("the level is not marked as won")
			}
		})
	}
}

// The hints of a level appear one after the other, and then make its moves.
func TestHints(t *testing.T) {
	tab := open(t, fragment("level", 8, nil))
	tab.photograph("level-8")
	for range 4 {
		tab.do(chromedp.Click("[data-key=hint]"))
	}
	tab.waitFor(`document.querySelector("#task .broken")`)
}

// Back and forward give the same state, and a link restores it.
func TestBackForwardAndLink(t *testing.T) {
	moves := []string{"+", ".", ".", ".", ".", "a:HELLO-FROM alice", ".", ".", "!short:3", ".", "+", ".", "b:LIST", "a=", "a:LIST; a/b, 100 % ✓", ".", ".", ".", "."}
	tab := open(t, "#free/epoll/0/")
	states := []string{tab.shown()}
	for _, move := range moves {
		tab.make(move)
		states = append(states, tab.shown())
	}
	for i := len(moves) - 1; i >= 0; i-- {
		tab.keys("b")
		if got := tab.shown(); got != states[i] {
			t.Fatalf("back to move %d shows\n%s\nwant\n%s", i, got, states[i])
		}
	}
	for i := range moves {
		tab.keys("f")
		if got := tab.shown(); got != states[i+1] {
			t.Fatalf("forward to move %d shows\n%s\nwant\n%s", i+1, got, states[i+1])
		}
	}
	tab.waitFor(`location.hash.endsWith(";.4")`)
	link := tab.text("location.hash")
	if got := open(t, link).shown(); got != states[len(moves)] {
		t.Errorf("the link %s shows\n%s\nwant\n%s", link, got, states[len(moves)])
	}
}

// The reader gives the batch of a wait another order, and the loop reads the clients in that order.
func TestOrderOfTheBatch(t *testing.T) {
	tab := open(t, "#free/epoll/0/")
	for _, move := range []string{"+", "run", "a:HELLO-FROM alice", "run", "+", "run", "b:HELLO-FROM bob", "run", "a:LIST", "b:LIST"} {
		tab.make(move)
	}
	tab.waitFor(`document.querySelector("#answers [data-key=order]").value === "a,b"`)
	tab.photograph("order")
	tab.make("!order:b,a")
	tab.keys("n")
	tab.waitFor(`[...document.querySelectorAll("#calls li:not(.pending)")].at(-1).innerText.startsWith("read(7, ")`)
	tab.photograph("order-given")
}

// A broken link, an impossible move and an endless line get a message and lose nothing.
func TestBadInput(t *testing.T) {
	for _, c := range []struct{ fragment, message string }{
		{"#nonsense", "four parts"},
		{"#free/kqueue/0/", "kqueue"},
		{"#free/epoll/5000/", "1,000 idle"},
		{"#free/epoll/0/+;a%3", "cut off"},
		{"#free/epoll/0/.999999999", "too many moves"},
		{"#free/epoll/0/+;.4;z:hello", "is no move"},
	} {
		tab := open(t, c.fragment)
		tab.waitFor(`document.querySelector("#message").textContent.includes("` + c.message + `")`)
	}
	tab := open(t, "#free/epoll/0/+;.4;z:hello")
	tab.waitFor(`document.querySelector("[data-client=a] h3").textContent.includes("descriptor 6")`)
	tab.do(chromedp.SetValue("[data-client=a] input", strings.Repeat("x", 1<<20)), chromedp.Focus("[data-client=a] input"))
	before := tab.shown()
	tab.keys(enter)
	tab.waitFor(`document.querySelector("#message").textContent.includes("1,048,576 bytes")`)
	tab.waitFor(`document.querySelector("[data-client=a] input").value.length === 1048576`)
	tab.photograph("endless-line")
	if tab.shown() != before {
		t.Error("the line that was refused has changed something")
	}
	tab.do(chromedp.Evaluate(`location.hash = "#free/epoll/0/%"`, nil))
	tab.waitFor(`document.querySelector("#message").textContent.includes("broken")`)
	if tab.shown() != before {
		t.Error("the broken link has changed something")
	}
}

// With poll and select a message costs an entry for each idle client, with epoll it does not.
func TestIdleClients(t *testing.T) {
	examined := func(method string) (n int) {
		tab := open(t, "#free/"+method+"/1000/")
		for _, move := range []string{"+", "run", "a:HELLO-FROM alice", "run"} {
			tab.make(move)
		}
		tab.waitFor(`document.querySelector("[data-client=a] pre").textContent.includes("HELLO alice")`)
		tab.photograph("idle-" + method)
		fmt.Sscan(strings.ReplaceAll(tab.text("examined.textContent"), ",", ""), &n)
		return n
	}
	epoll, poll, selected := examined("epoll"), examined("poll"), examined("select")
	t.Logf("entries looked at: epoll %d, poll %d, select %d", epoll, poll, selected)
	if epoll > 20 || poll < 3000 || selected < 3000 {
		t.Errorf("entries looked at: epoll %d, poll %d, select %d", epoll, poll, selected)
	}
}

// The quiz hides the call until it is answered.
func TestQuiz(t *testing.T) {
	tab := open(t, "#quiz.7/epoll/0/")
	tab.waitFor(`document.querySelector("[data-key=option-0]")`)
	tab.photograph("quiz")
	if n := tab.text(`document.querySelectorAll("#calls .pending").length`); n != "0" {
		t.Error("the pending call is shown before the answer")
	}
	question := tab.text(`document.querySelector(".options").innerText`)
	tab.do(chromedp.Click("[data-key=option-1]"))
	tab.waitFor(`document.querySelectorAll(".options .good").length === 1`)
	right := tab.text(`document.querySelector(".options .good").innerText`)
	if last := tab.text(`[...document.querySelectorAll("#calls li:not(.pending)")].at(-1).innerText`); last != right {
		t.Errorf("the answer is %q, the log says %q", right, last)
	}
	tab.do(chromedp.Click("[data-key=next]"))
	tab.waitFor(`location.hash.startsWith("#quiz.8/") && !document.querySelector(".options .good")`)
	again := open(t, "#quiz.7/epoll/0/")
	again.waitFor(`document.querySelector("[data-key=option-0]")`)
	if got := again.text(`document.querySelector(".options").innerText`); got != question {
		t.Errorf("the same seed asks %q and then %q", question, got)
	}
}

// The browser's storage is damaged: what was kept there is as if it were not there.
func TestDamagedStorage(t *testing.T) {
	tab := open(t, "#quiz.7/epoll/0/")
	tab.waitFor(`document.querySelector("[data-key=option-0]")`)
	tab.do(chromedp.Evaluate(`localStorage.setItem("chatd.quiz", "{"); localStorage.setItem("chatd.won", "7")`, nil), chromedp.Reload())
	tab.waitFor(`document.querySelector("[data-key=option-0]")`)
	tab.do(chromedp.Click("[data-key=option-1]"))
	tab.waitFor(`document.querySelectorAll(".options .good").length === 1`)
	tab.do(chromedp.Evaluate(`location.hash = "#level.1/epoll/0/"`, nil))
	tab.waitFor(`location.hash.startsWith("#level") && document.querySelectorAll("[data-client=a]").length === 1`)
}
