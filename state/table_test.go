package state_test

import (
	"runtime"
	"testing"

	"chatd/state"
)

// A15, A11: the limit of descriptors can be enormous, and so can one descriptor. A flat array would take
// 32 MiB here. The table takes two pages of 1,024 records, and a pointer for each page below.
func TestA15TableGrowsWithWhatIsUsed(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var table state.Table[uint64]
	*table.At(5000) = 1
	*table.At(4 << 20) = 2
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 512<<10 {
		t.Errorf("two records take %d bytes", grown)
	}
}

// The loop and the registry hold pointers to records: growing must not move one.
func TestTableKeepsRecordsWhereTheyAre(t *testing.T) {
	var table state.Table[int]
	first := make(map[int]*int)
	for _, i := range []int{5000, 0, 1023, 1024, 1, 100_000, 2047} {
		first[i] = table.At(i)
		*first[i] = i
	}
	for i, p := range first {
		if table.At(i) != p || *p != i {
			t.Errorf("the record of slot %d has moved, or is %d", i, *p)
		}
	}
}

// A record that Each leaves out would never be closed at a stop.
func TestTableEach(t *testing.T) {
	var table state.Table[int]
	for _, i := range []int{3, 2050} {
		*table.At(i) = i
	}
	last, visited, sum := -1, 0, 0
	table.Each(func(i int, record *int) {
		if i <= last || table.At(i) != record {
			t.Fatalf("slot %d comes after %d, or with the wrong record", i, last)
		}
		last = i
		visited++
		sum += *record
	})
	if visited != 2*1024 || sum != 3+2050 {
		t.Errorf("%d records with the sum %d; want %d, %d", visited, sum, 2*1024, 3+2050)
	}
}
