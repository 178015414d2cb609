package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A mutant that is not made, or a verdict that is wrong, hides a missing test.
func TestExample(t *testing.T) {
	m, err := load("testdata/example", ".")
	if err != nil {
		t.Fatal(err)
	}
	j := judge{module: m, work: t.TempDir(), units: []unit{{level: "unit", folder: "."}}, patience: time.Second}
	if err := j.prepare(); err != nil {
		t.Fatal(err)
	}
	results, err := j.all(m.mutants, false)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]result{
		"const limit	constant	limit+1":                 {"unit", "TestHalves"},
		"Max	return	at once":                           {"unit", "TestMax"},
		"Max	comparison	a > b -> >=":                   {survived, ""},
		"Max	condition	true instead of a > b":          {"unit", "TestMax"},
		"Max	condition	false instead of a > b":         {"unit", "TestMax"},
		"Halves	comparison	n >= limit -> >":            {"unit", "TestHalves"},
		"Halves	condition	false instead of n >= limit": {"unit", "TestHalves"},
		"Halves	return	at once":                        {"unit", "TestHalves"},
		"Halves	removed	n /= 2":                        {"unit", late},
		"Halves	constant	2+1":                          {"unit", "TestHalves"},
		"Halves	removed	halves++":                      {"unit", "TestHalves"},
		"Unused	constant	!true":                        {notReached, ""},
		"Unused	return	at once":                        {notReached, ""},
	}
	for key, got := range results {
		_, key, _ = strings.Cut(key, "\t")
		if expected, ok := want[key]; !ok || got != expected {
			t.Errorf("%s: %v, want %v", key, got, expected)
		}
		delete(want, key)
	}
	for key := range want {
		t.Errorf("%s: not made", key)
	}
	unexplained := report(io.Discard, m.mutants, results, map[string]string{"example.go\tMax\tcomparison\ta > b -> >=": "equal ones are one and the same"})
	if unexplained != 2 {
		t.Errorf("%d survivors are not explained, want 2", unexplained)
	}
	if again, err := j.all(m.mutants, false); err != nil || len(again) != len(results) {
		t.Errorf("%d results after the second run, want %d (%v)", len(again), len(results), err)
	}
}

// An explanation of a mutant that is not made any more explains nothing: the code has changed.
func TestSurvivorsAreMutants(t *testing.T) {
	ledger, err := readLedger("survivors.txt")
	if err != nil {
		t.Fatal(err)
	}
	m, err := loadChatd()
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range m.mutants {
		delete(ledger, w.key())
	}
	for key := range ledger {
		t.Errorf("survivors.txt explains a mutant that there is not: %q", key)
	}
}

// A line without a reason, or a second one for a mutant, is no explanation.
func TestLedgerIsRefused(t *testing.T) {
	for _, text := range []string{
		"a.go\tf\treturn\tat once", "a.go\tf\treturn\tat once\t", "a.go\tf\treturn\tat once\tyes",
		strings.Repeat("a.go\tf\treturn\tat once\tit makes no difference\n", 2),
	} {
		path := filepath.Join(t.TempDir(), "survivors.txt")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if ledger, err := readLedger(path); err == nil {
			t.Errorf("%q is read as %v", text, ledger)
		}
	}
}
