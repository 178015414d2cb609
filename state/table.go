package state

// pageLen is how many records a Table makes room for at a time.
const pageLen = 1024

// A Table is an array of records, indexed by slot, that grows with the highest slot seen. It grows
// page by page: no record is ever copied, so a pointer to one stays good, and what it takes does
// not depend on how high the limit of descriptors is. Descriptors are handed out lowest first, so
// the pages are dense.
//
// An idle client costs one record in each table. Records are therefore small, and what a client
// needs only while something is going on stands behind a pointer in its record.
type Table[T any] struct {
	pages []*[pageLen]T
}

// At returns the record of slot i, zero if it was never touched. i must not be negative.
func (t *Table[T]) At(i int) *T {
	p := i / pageLen
	for p >= len(t.pages) {
		t.pages = append(t.pages, nil)
	}
	if t.pages[p] == nil {
		t.pages[p] = new([pageLen]T)
	}
	return &t.pages[p][i%pageLen]
}

// Find returns the record of slot i, or nil where the table has no room for it yet. It never grows
// the table.
func (t *Table[T]) Find(i int) *T {
	p := i / pageLen
	if p >= len(t.pages) || t.pages[p] == nil {
		return nil
	}
	return &t.pages[p][i%pageLen]
}

// Each calls visit for every record there is room for, the zero ones too, in order of slots.
func (t *Table[T]) Each(visit func(i int, record *T)) {
	for p, page := range t.pages {
		if page == nil {
			continue
		}
		for i := range page {
			visit(p*pageLen+i, &page[i])
		}
	}
}
