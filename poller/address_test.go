package poller

import "testing"

// A16: IPv4 counts each address, in both its forms, and IPv6 each /64.
func TestA16AddressesThatCountAsOne(t *testing.T) {
	for _, test := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1:1", "192.0.2.1:2", true},
		{"192.0.2.1:1", "192.0.2.2:1", false},
		{"192.0.2.1:1", "[::ffff:192.0.2.1]:1", true},
		{"[2001:db8:0:1::1]:1", "[2001:db8:0:1:ffff:ffff:ffff:ffff]:2", true},
		{"[2001:db8:0:1::1]:1", "[2001:db8:0:2::1]:1", false},
		{"[fe80::1%eth0]:1", "[fe80::2%eth1]:1", true},
	} {
		a, ok := addressOf(test.a)
		b, okToo := addressOf(test.b)
		if !ok || !okToo || (a == b) != test.same {
			t.Errorf("%s is %x (%v), %s is %x (%v), expected the same: %v", test.a, a, ok, test.b, b, okToo, test.same)
		}
	}
	for _, peer := range []string{"", "/run/chatd.sock", "@"} {
		if a, ok := addressOf(peer); ok {
			t.Errorf("%q has the address %x, expected none", peer, a)
		}
	}
}
