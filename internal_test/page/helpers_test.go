package page

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

type level struct {
	Name string
	Win  []string
}

// readLevels asks the page for its levels, with the moves that win them.
func readLevels(t *testing.T) (levels []level) {
	t.Helper()
	response, err := http.Get(address + "levels.json")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&levels); err != nil {
		t.Fatal(err)
	}
	return levels
}

// fragment is the address of a state.
func fragment(mode string, number int, moves []string) string {
	escaped := make([]string, len(moves))
	for i, move := range moves {
		escaped[i] = strings.ReplaceAll(url.QueryEscape(move), "+", "%20")
	}
	return fmt.Sprintf("#%s.%d/epoll/0/%s", mode, number, strings.Join(escaped, ";"))
}

// make makes a move of play.Run.Do as a reader does, with keys and controls.
func (t *tab) make(move string) {
	t.Helper()
	switch {
	case move == "+":
		t.do(chromedp.Click("#connect"), chromedp.Focus("#step"))
	case move == ".":
		t.keys("n")
	case move == "run":
		t.keys("r")
	case move[0] == '!':
		kind, value, _ := strings.Cut(move[1:], ":")
		t.do(chromedp.SetValue("#answers [data-key="+kind+"]", value), chromedp.Click("#answers [data-key="+kind+"-give]"), chromedp.Focus("#step"))
	case move[1] == '=':
		t.do(chromedp.Click(`[aria-label="Client `+move[:1]+`: stop reading"]`), chromedp.Focus("#step"))
	case move[1] == ':':
		input := "[data-client=" + move[:1] + "] input"
		t.do(chromedp.Focus(input), chromedp.SetValue(input, move[2:]))
		t.keys(enter + escape)
	}
}

// addScript has a script run before those of the page.
func addScript(text string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(text).Do(ctx)
		return err
	}
}

// emulate sets a media feature.
func emulate(feature, value string) chromedp.Action {
	return emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: feature, Value: value}})
}
