package protocol_test

import (
	"testing"
	"unsafe"

	"chatd/state"
)

// A message costs the machine no allocation, however many users there are.
func TestKindAllocationsOfAMessage(t *testing.T) {
	for _, users := range []int{2, 5_000} {
		m := crowd(t, users)
		if n := testing.AllocsPerRun(100, func() { exchange(t, m) }); n != 0 {
			t.Errorf("%d users: %v allocations a message, expected none", users, n)
		}
		if n := testing.AllocsPerRun(100, func() { askList(t, m) }); n != 0 {
			t.Errorf("%d users: %v allocations for a LIST that has not changed, expected none", users, n)
		}
	}
}

// An idle client's session is two words; what it is in the middle of stands elsewhere, and only
// meanwhile.
func TestKindSizeOfASession(t *testing.T) {
	if size := unsafe.Sizeof(state.Session{}); size > 16 {
		t.Errorf("a session is %d bytes, expected 16 at most", size)
	}
}
