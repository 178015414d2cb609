package state_test

import (
	"runtime"
	"testing"

	"chatd/state"
)

// A15, A11: the limit of descriptors is enormous, and so may be the number of one. A table takes
// memory for what is used, not for what could be.
func TestA15TableGrowsWithWhatIsUsed(t *testing.T) {
	const slot = 4 << 20
	grown := allocated(func() {
		var table state.Table[uint64]
		*table.At(5000) = 1
		*table.At(slot) = 2
	})
	// Two pages of 1,024 records, and a pointer for each page below, which append moves now and
	// then. A flat array would take 32 MiB.
	if most := uint64(512 << 10); grown > most {
		t.Errorf("two records take %d bytes, want at most %d", grown, most)
	}
}

// allocated is how many bytes do allocates.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A pointer to a record stays good however the table grows.
func TestTableNeverMovesARecord(t *testing.T) {
	var table state.Table[int]
	first := make(map[int]*int)
	for _, i := range []int{0, 1023, 1024, 3000, 1, 100_000, 2047} {
		first[i] = table.At(i)
		*first[i] = i
	}
	for i, p := range first {
		if table.At(i) != p || table.Find(i) != p || *p != i {
			t.Errorf("the record of slot %d has moved, or is %d", i, *p)
		}
	}
}

// Find never grows the table, and knows no record where At has made no room.
func TestTableFind(t *testing.T) {
	var table state.Table[int]
	table.At(5000)
	for i, want := range map[int]bool{
		0: false, 1024: false, 4095: false, 4096: true, 5000: true, 5119: true, 5120: false, 1 << 30: false,
	} {
		if got := table.Find(i) != nil; got != want {
			t.Errorf("Find(%d): a record is %v, want %v", i, got, want)
		}
	}
	if n := testing.AllocsPerRun(10, func() { table.Find(1 << 30) }); n != 0 {
		t.Errorf("Find allocates %v times", n)
	}
}

func TestTableEach(t *testing.T) {
	var table state.Table[int]
	for _, i := range []int{3, 2050} {
		*table.At(i) = i
	}
	last, visited, sum := -1, 0, 0
	table.Each(func(i int, record *int) {
		if i <= last || table.Find(i) != record {
			t.Fatalf("slot %d is visited after %d, with the wrong record", i, last)
		}
		last = i
		visited++
		sum += *record
	})
	if visited != 2*1024 || sum != 3+2050 {
		t.Errorf("%d records are visited, their sum is %d; want %d, %d", visited, sum, 2*1024, 3+2050)
	}
}
