package page

import (
	"testing"
)

const escape, enter, backspace = "\u001b", "\r", "\b"

// The guided level, by keyboard alone, ends with a message delivered.
func TestGuidedLevelByKeyboard(t *testing.T) {
	tab := open(t, "#guide.0/epoll/0/")
	step := func(want string) {
		t.Helper()
		tab.waitFor(`document.querySelector("#guide").dataset.step === "` + want + `"`)
	}
	step("0")
	tab.photograph("guide-0", 1280, 720)
	tab.keys("c")
	step("1")
	tab.keys(escape + "n")
	step("2")
	tab.photograph("guide-2", 1280, 720)
	tab.keys("n")
	step("3")
	tab.keys("r")
	step("4")
	tab.keys("1HELLO-FROM alice" + enter)
	step("5")
	tab.photograph("guide-5", 1280, 720)
	tab.keys(escape + "nnn")
	step("6")
	tab.keys("cHELLO-FROM bob" + enter + escape + "r")
	step("7")
	tab.keys("1SEND bob hello" + enter + escape + "nn")
	step("8")
	tab.photograph("guide-8", 1280, 720)
	tab.photograph("guide-8", 390, 800)
	tab.photograph("guide-8-zoomed", 640, 360) // 200 % of 1280 x 720
	tab.keys("nn")
	step("9")
	tab.photograph("guide-9", 1280, 720)
	for client, line := range map[string]string{"a": "< SEND-OK", "b": "< DELIVERY alice hello"} {
		tab.waitFor(`document.querySelector("[data-client=` + client + `] pre").textContent.includes("` + line + `")`)
	}
}
