package main

// shrink makes a failing run as small as it gets by leaving out faults, clients and steps. Each part
// of a run has its own source, so leaving out one part mostly does not change the others.
func shrink(s settings) (settings, error) {
	p := draw(s, seeded(s.seed))
	s.clients, s.steps = p.clients, p.steps
	_, broken := run(s, seeded(s.seed), nil)
	for again := true; again; {
		again = false
		for _, smaller := range smallerThan(s) {
			if _, err := run(smaller, seeded(s.seed), nil); err != nil {
				s, broken, again = smaller, err, true
				break
			}
		}
	}
	return s, broken
}

// smallerThan lists the next smaller runs, the much smaller ones first.
func smallerThan(s settings) (smaller []settings) {
	for cut := s.steps / 2; cut > 0; cut /= 2 {
		t := s
		t.steps -= cut
		smaller = append(smaller, t)
	}
	for clients := 1; clients < s.clients; clients++ {
		t := s
		t.clients = clients
		smaller = append(smaller, t)
	}
	for f := range s.without {
		if t := s; !t.without[f] {
			t.without[f] = true
			smaller = append(smaller, t)
		}
	}
	return smaller
}
