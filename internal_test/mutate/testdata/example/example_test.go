package example

import "testing"

func TestMax(t *testing.T) {
	if Max(1, 2) != 2 || Max(2, 1) != 2 {
		t.Error("not the larger one")
	}
}

func TestHalves(t *testing.T) {
	for n, want := range map[int]int{1: 0, 2: 1, 9: 3} {
		if Halves(n) != want {
			t.Errorf("%d: %d, want %d", n, Halves(n), want)
		}
	}
}
