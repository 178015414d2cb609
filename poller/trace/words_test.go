package trace

import (
	"encoding/json"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"chatd/internal_test/conversation"
	"chatd/poller"
	"chatd/protocol"
	"chatd/state"
)

// Whatever clients say, a terminal is told nothing that it would obey, and a viewer gets good JSON.
func FuzzQuote(f *testing.F) {
	for _, seed := range []string{
		"", "hi", "\x1b[2J", "\xff\xfe", `"\`, "\u009b31m", "\u202egnp", "\x00\x7f", "名前",
		strings.Repeat("é", 40), strings.Repeat("x", 63) + "é", strings.Repeat("\x80", 100), "\u2028",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, quoted := range []string{quote(text, textLen), safe(text, nameLen)} {
			bad := func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }
			if strings.ContainsFunc(quoted, bad) || !utf8.ValidString(quoted) || len(quoted) > 4*textLen+5 {
				t.Errorf("%q is shown as %q", text, quoted)
			}
			var back string
			if err := json.Unmarshal(quoteJSON(nil, quoted), &back); err != nil || back != quoted {
				t.Errorf("%q is %q in JSON, which is read as %q (%v)", quoted, quoteJSON(nil, quoted), back, err)
			}
		}
	})
}

// A machine with a decorator around it answers as one without, to all that is said in the
// conversations of the protocol, however it is cut.
func TestSameFrames(t *testing.T) {
	paths, _ := filepath.Glob("../../protocol/testdata/*.txt")
	if len(paths) == 0 {
		t.Fatal("protocol/testdata has no conversations")
	}
	for _, path := range paths {
		for seed := range uint64(3) {
			testSameFrames(t, path, rand.New(rand.NewPCG(seed, 0)))
		}
	}
}

func testSameFrames(t *testing.T, path string, rng *rand.Rand) {
	t.Helper()
	talk, err := conversation.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	config := poller.Config{Kernel: &world{}, Machine: protocol.NewMachine(talk.Users, talk.MaxLine)}
	wrap(&config, newChrome(), &memory{}, Limit)
	bare := protocol.NewMachine(talk.Users, talk.MaxLine)
	ids := make(map[string]state.ID)
	same := func(what string, a, b any) {
		t.Helper()
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("%s, %s: with a trace %+v, without %+v", path, what, a, b)
		}
	}
	for _, step := range talk.Steps {
		id, ok := ids[step.Client]
		if !ok {
			id = state.NewID(len(ids)+10, 1)
			ids[step.Client] = id
			config.Machine.Open(id)
			bare.Open(id)
		}
		switch step.Action {
		case conversation.Says:
			for in := step.Bytes; len(in) > 0; {
				piece := in[:min(len(in), 1+rng.IntN(4000))]
				n, frames := config.Machine.Input(id, piece)
				m, expected := bare.Input(id, piece)
				same(step.String(), n, m)
				same(step.String(), frames, expected)
				in = in[n:]
				receipts := receiptsOf(frames)
				for _, r := range receipts {
					sent := rng.IntN(2) == 0
					same(step.String(), config.Machine.Complete(r, sent), bare.Complete(r, sent))
				}
			}
		case conversation.Leaves, conversation.Resets:
			config.Machine.Close(id)
			bare.Close(id)
		}
		same(step.String(), config.Machine.Held(id), bare.Held(id))
	}
}

func receiptsOf(frames []protocol.Frame) (receipts []protocol.Receipt) {
	for _, f := range frames {
		if f.Receipt != (protocol.Receipt{}) {
			receipts = append(receipts, f.Receipt)
		}
	}
	return receipts
}
