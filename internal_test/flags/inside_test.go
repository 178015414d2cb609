//go:build inside

package main

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// The usage text tells the defaults of the code: to give a flag the value that the text calls its default
// changes no option.
func TestUsageTellsTheDefaults(t *testing.T) {
	defaults, err := parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	told := regexp.MustCompile(`(?s)--([a-z-]+) [A-Z:]+ .*\(default ([^;:)\s]+)`)
	var found []string
	for _, entry := range regexp.MustCompile(`\n {2,6}-`).Split(usage, -1) {
		flag := told.FindStringSubmatch("-" + entry)
		if flag == nil {
			continue
		}
		found = append(found, flag[1])
		if o, err := parse([]string{"--" + flag[1], flag[2]}); err != nil || !reflect.DeepEqual(o, defaults) {
			t.Errorf("--%s %s is not the default: %+v (%v), want %+v", flag[1], flag[2], o, err, defaults)
		}
	}
	if got, want := strings.Join(found, " "), "address port max-per-address max-name max-line login-timeout "+
		"send-timeout drain-timeout keepalive poller log-level"; got != want {
		t.Errorf("the usage text tells the defaults of %s; want %s", got, want)
	}
}

// A13: the lowest and the highest value of each flag, and those beyond. Each value changes one option,
// and no other flag's.
func TestA13Ranges(t *testing.T) {
	options := make(map[string]string)
	for flag, values := range map[string][4]string{ // too low, lowest, highest, too high
		"p":               {"-1", "0", "65535", "65536"},
		"port":            {"-1", "0", "65535", "65536"},
		"max-users":       {"0", "1", "1073741824", "1073741825"},
		"max-per-address": {"-1", "1", "1073741824", "1073741825"},
		"max-line":        {"63", "64", "1024MiB", "1048577KiB"},
		"max-name":        {"0", "1", "4KiB", "4097"},
		"max-buffer":      {"1023KiB", "1MiB", "1048576MiB", "1048577MiB"},
		"login-timeout":   {"-1ns", "1ns", "24h", "24h1ns"},
		"send-timeout":    {"999us", "1ms", "24h", "24h1ns"},
		"drain-timeout":   {"-1ns", "0", "24h", "24h1ns"},
		"keepalive":       {"-1s", "0", "32767s", "32768s"},
	} {
		for i, value := range values {
			o, err := parse([]string{"--" + flag, value})
			if refused := i == 0 || i == 3; refused != (err != nil) {
				t.Errorf("--%s %s: %v", flag, value, err)
			} else if !refused {
				options[changed(t, o)] += flag + " "
			}
		}
	}
	for _, arguments := range []string{
		"--poller select", "--poller poll", "--log-level debug", "--log-level error", "--stats-file x",
		"--trace -", "--probe h:1", "--version", "-a h", "--address h",
	} {
		o, err := parse(strings.Fields(arguments))
		if err != nil {
			t.Errorf("%s: %v", arguments, err)
		}
		options[changed(t, o)] += strings.Fields(arguments)[0] + " "
	}
	if len(options) != 17 || options[""] != "" {
		t.Errorf("want 17 options, each changed by its flags alone: %v", options)
	}
}

// changed is the option that differs from its default.
func changed(t *testing.T, o options) (name string) {
	t.Helper()
	defaults, _ := parse(nil)
	was := strings.Fields(fmt.Sprintf("%+v", defaults))
	for i, field := range strings.Fields(fmt.Sprintf("%+v", o)) {
		if field != was[i] {
			if name != "" {
				t.Errorf("both %s and %s are changed", name, field)
			}
			name = field[:strings.LastIndexByte(field, ':')]
		}
	}
	return name
}
